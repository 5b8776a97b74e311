// The migration: it runs once the database is healthy, and lets those start that wait for it when it has completed.
import { defineService, type Service } from 'keelson'
import type { Database } from './database.js'

const STEPS = [
  'create table orders (id serial primary key, item text not null, placed timestamptz not null default now())',
  'alter table orders add column label text',
  'create index orders_to_send on orders (id) where label is null',
]

export function schema(): Service {
  let version = 0
  return defineService('schema', {
    type: 'migration',
    dependsOn: ['database'],
    run: async ({ service, status, signal }) => {
      const database = service<Database>('database')
      await database.execute('create table if not exists migrations (step int primary key)')
      const [done] = await database.query<{ steps: number }>('select count(*)::int as steps from migrations')
      for (version = done?.steps ?? 0; version < STEPS.length; version++) {
        signal.throwIfAborted()
        status(`step ${version + 1} of ${STEPS.length}`, STEPS[version])
        await database.execute(`${STEPS[version]}; insert into migrations values (${version})`)
      }
    },
    data: () => ({ version }),
  })
}
