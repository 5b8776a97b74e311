/** The page of options names every option there is, and no other. */
import { expect, it } from 'vitest'
import { SERVICE_FIELDS } from '../../src/kernel/settings.js'
import { read } from '../support/house.js'

/** The names in the second column, under what the first column said last. */
function named(): Map<string, string[]> {
  const found = new Map<string, string[]>()
  let of = ''
  for (const line of read('src/options.md').split('\n')) {
    const [, first, second] = line.split('|').map((cell) => cell.trim())
    if (second === undefined || first === 'of' || first?.startsWith('---')) continue
    if (first !== '') of = first?.replaceAll('`', '') ?? ''
    const base: string[] = []
    for (const name of [...second.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')) {
      // `maxConcurrentStarts`, `-Retries`: the end of the one before is exchanged.
      if (name.startsWith('-')) base.push((base[0] ?? '').replace(/[A-Z][a-z]+$/, '') + name.slice(1))
      else base.push(name)
    }
    found.set(of, [...(found.get(of) ?? []), ...base])
  }
  return found
}

it('src/options.md names each option of a service', () => {
  const { restart, healthCheck, dependsOn, ...others } = SERVICE_FIELDS
  expect([restart, healthCheck, dependsOn].every((kind) => kind !== undefined)).toBe(true)
  const page = named()
  expect(
    page
      .get('service')
      ?.filter((name) => name !== 'dependsOn')
      .sort(),
  ).toEqual(Object.keys(others).sort())
  for (const of of ['dependsOn[]', 'restart', 'healthCheck', 'orchestrator', 'every call', 'starts'])
    expect(page.get(of)?.length).toBeGreaterThan(0)
})
