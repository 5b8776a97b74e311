// Acts 1 and 2: the shop opens, customers come.
import type { OperationReport, ServiceState } from 'keelson'
import type { Act, Stage } from './stage.js'
import { seconds } from './teller.js'

export const opens: Act = async (stage) => {
  const { shop, tell } = stage
  tell.act('The shop opens')
  const report = await shop.app.start()
  tell.check(`everything essential is up after ${seconds(report.duration)}`, report.outcome === 'done')
  tell.check(
    'the API opened when the schema was complete, no sooner',
    stage.inOrder(['database', 'running'], ['schema', 'starting'], ['schema', 'stopped'], ['api', 'starting']),
  )
  tell.check(
    'the label printer needs nobody, and did not wait for the database',
    stage.inOrder(['labels', 'starting'], ['database', 'running']),
  )
  const path = report.criticalPath
  tell.check(`critical path: ${took(stage, report)}`, path.join(' ').startsWith('database schema '), path)
  await tell.until(
    'nobody is at the courier’s address: unreachable, and the shop is open without',
    () => stage.is('courier', 'unreachable'),
    () => stage.status('courier').state,
  )
  tell.say(shop.app.explain('courier').text)
}

export const customersCome: Act = async ({ shop, customers, tell }) => {
  tell.act('Customers come')
  const begin = performance.now()
  await customers.order(300)
  const all = customers.acknowledged.size === 300 && customers.refused === 0
  tell.check(`300 orders over HTTP, 300 acknowledged, in ${seconds(performance.now() - begin)}`, all, customers.refused)
  const sent = () => Number(shop.app.getServiceStatus('dispatch').data?.sent)
  await tell.until('the queue worker has the first hundred labels printed', () => sent() >= 100, sent)
}

/** The critical path with the time from each service's first hook to its being up, or its end. */
function took({ states }: Stage, { criticalPath }: OperationReport): string {
  const ready: ServiceState[] = ['running', 'stopped']
  return criticalPath
    .map((name) => {
      const [first, ...rest] = states.filter((e) => e.name === name && e.newState !== 'waiting')
      const end = rest.filter((e) => ready.includes(e.newState)).at(-1)
      return `${name} ${seconds((end?.timestamp ?? 0) - (first?.timestamp ?? 0))}`
    })
    .join(' → ')
}
