// One row of the table: how a service is, in words and colours.
import type { HealthStatus, ServiceStatus } from 'keelson'
import { paint, type Style } from './paint.js'

export const COLOUR: Record<HealthStatus, Style> = {
  healthy: 'green',
  degraded: 'yellow',
  checking: 'cyan',
  unhealthy: 'red',
  unknown: 'dim',
}

export const HEADING: string = paint('dim', cells(' ', 'SERVICE', 'STATE', 'HEALTH', 'FOR', 'WAITS FOR, OR DOES'))

/** `note` is what it waits for, or what it is doing. */
export function rowOf(service: ServiceStatus, note: string): string {
  const [mark, style] = look(service)
  const { name, state, health, since } = service
  const line = cells(mark, name, state, health === 'unknown' ? '' : health, duration(Date.now() - since), note)
  return style === 'green' ? line.replace(mark, paint(style, mark)) : paint(style, line)
}

function look({ phase, state, health, stopReason }: ServiceStatus): [mark: string, style: Style] {
  if (phase === 'active') return ['●', health === 'healthy' ? 'green' : COLOUR[health]]
  if (phase === 'moving') return ['◐', 'cyan']
  if (phase === 'pending') return ['◌', 'yellow']
  if (state === 'failed') return ['✗', 'red']
  return stopReason === 'completed' ? ['✓', 'green'] : ['○', 'dim']
}

function cells(mark: string, name: string, state: string, health: string, time: string, note: string): string {
  return ` ${mark} ${name.padEnd(10)}${state.padEnd(14)}${health.padEnd(11)}${time.padStart(6)}   ${note}`
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`
}
