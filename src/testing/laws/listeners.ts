// The law of those who listen beside the simulation itself (R38, R39): nobody is passed over for somebody else.

import type { EventType } from '../../index.js'
import type { Law, Observation } from '../observation.js'
import { heard } from '../observation.js'

type Seen<Kind extends Observation['kind']> = Extract<Observation, { readonly kind: Kind }>

interface Listener {
  readonly index: number
  readonly type: EventType
  readonly after: number
  /** What it has to have heard, what it says to have heard, and of how many. */
  due: number
  dueCount: number
  said: number
  saidCount: number
}

/** Looked at when all is quiet. Granted: what is told in the moment in which a listener leaves. */
export const listeners: Law = {
  title: 'R39 every listener is told every event of its kind, once and in order',
  hears: ['event', 'listens', 'heard', 'quiet'],
  begin: () => {
    const open = new Map<number, Listener>()
    const byType = new Map<EventType, Listener[]>()
    const leave = (index: number): void => {
      const gone = open.get(index)
      if (gone === undefined) return
      open.delete(index)
      byType.set(
        gone.type,
        (byType.get(gone.type) ?? []).filter((each) => each !== gone),
      )
    }
    const come = ({ listener: index, type, after }: Seen<'listens'>): void => {
      const listener = { index, type, after, due: 0, dueCount: 0, said: 0, saidCount: 0 }
      open.set(index, listener)
      byType.set(type, [...(byType.get(type) ?? []), listener])
    }
    return (seen) => {
      if (seen.kind === 'event') {
        const list = byType.get(seen.event.type)
        if (list === undefined) return undefined
        for (const listener of list)
          if (seen.event.seq > listener.after) {
            listener.due = heard(listener.due, seen.event.seq)
            listener.dueCount++
          }
      } else if (seen.kind === 'listens') {
        leave(seen.listener)
        if (seen.on) come(seen)
      } else if (seen.kind === 'heard') {
        const listener = open.get(seen.listener)
        if (listener !== undefined) Object.assign(listener, { said: seen.sum, saidCount: seen.count })
      } else if (seen.kind === 'quiet')
        for (const { index, type, after, due, dueCount, said, saidCount } of open.values())
          if (due !== said || dueCount !== saidCount)
            return `listener ${index} was told ${saidCount} of ${dueCount} ${type} events since #${after}${saidCount === dueCount ? ', others or in another order' : ''}`
      return undefined
    }
  },
}
