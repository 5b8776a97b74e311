// Acts 3 to 6: the database crashes and returns, the printer is killed and replaced, the courier appears.
import type { Act } from './stage.js'

export const databaseCrashes: Act = async (stage) => {
  const { shop, customers, tell } = stage
  const { app } = shop
  const tired = new AbortController()
  const crowd = customers.keepOrdering(tired.signal)
  try {
    tell.act('The database crashes under load')
    const before = customers.acknowledged.size
    await tell.until('eight customers are ordering without a pause', () => customers.acknowledged.size > before + 50)
    const calls = stage.calls.length
    stage.mark()
    await shop.database.crash()
    await tell.until('the API has stopped, and waits', () => stage.reached('api', 'waiting'))
    await tell.until('the queue worker has stopped, and waits', () => stage.reached('dispatch', 'waiting'))
    const { because, text } = app.explain('api')
    tell.check('asked why, the API names the root cause', because.at(-1)?.name === 'database', text)
    tell.say(text)
    tell.check('so does the health of the whole', app.health().because[0]?.name === 'database')
    tell.check('the label printer has nothing to do with it, and runs', stage.is('labels', 'running'))

    tell.act('The database returns')
    await tell.until('the database recovered from its log', () => stage.is('database', 'running'))
    await tell.until('the API is back', () => stage.is('api', 'running'))
    await tell.until('the queue worker is back', () => stage.is('dispatch', 'running'))
    tell.check('by themselves: nobody called anything', stage.calls.length === calls)
    tell.check(
      'and the API not before the database',
      stage.inOrder(['database', 'running'], ['api', 'starting'], ['api', 'running']),
    )
    tell.check('the migration was not run again', stage.status('schema').epoch === 1)
    const after = customers.acknowledged.size
    await tell.until('the customers go on ordering at the same address', () => customers.acknowledged.size > after + 50)
  } finally {
    tired.abort()
    await crowd
  }
  tell.say(`${customers.refused} attempts to order failed meanwhile; none of them had been acknowledged`)
}

export const printerIsKilled: Act = async (stage) => {
  const { shop, customers, tell } = stage
  tell.act('Somebody kills the label printer')
  const pid = shop.labels.pid as number
  stage.mark()
  process.kill(pid, 'SIGKILL')
  await tell.until('the queue worker, which needs it, waits', () => stage.reached('dispatch', 'waiting'))
  tell.say(shop.app.explain('dispatch').text)
  const before = customers.acknowledged.size
  await customers.order(20, 4)
  tell.check('the API, which does not, takes twenty more orders', customers.acknowledged.size === before + 20)
  await tell.until('there is a new process', () => stage.reached('labels', 'running') && shop.labels.pid !== pid)
  tell.say(`process ${pid} was replaced by ${shop.labels.pid}`)
  await tell.until('the queue worker is back', () => stage.is('dispatch', 'running'))
}

export const courierAppears: Act = async (stage) => {
  const { office, tell } = stage
  tell.act('The courier appears')
  await office.open()
  await tell.until('connected, with nobody asking', () => stage.is('courier', 'connected'))
  await tell.until('now the whole is healthy', () => stage.shop.app.health().status === 'healthy')
}
