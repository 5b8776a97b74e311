// Lesson 8: hot change. Services come, go and are exchanged while the rest runs; everything is checked before anything
// is touched, and dependents return by themselves.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { BaseService, defineService, Orchestrator, type ServiceState, type StartContext } from 'keelson'

class Mailer extends BaseService {
  readonly version: number
  constructor(version: number) {
    super('mailer')
    this.version = version
  }
  protected override onStart(): void {
    if (this.version === 3) throw new Error('version 3 does not start')
  }
}

class Api extends BaseService {
  uses = 0
  constructor() {
    super('api', { dependsOn: ['mailer'] })
  }
  protected override onStart({ service }: StartContext): void {
    this.uses = service<Mailer>('mailer').version // a declared dependency, as it is in this epoch
  }
}

const api = new Api()
const app = new Orchestrator({ services: [new Mailer(1), api] })
const reaches = async (name: string, state: ServiceState): Promise<void> => {
  while (app.getServiceStatus(name).state !== state) await sleep(1)
}
await app.start()
assert.equal(api.uses, 1)

// 1. register: in a running orchestrator a service comes up by itself - once all it requires is there.
await app.register(defineService('report', { dependsOn: ['archive'] }))
await reaches('report', 'waiting')
console.log(app.explain('report').text)
assert.match(app.explain('report').text, /needs archive, which is not registered/)
await app.register(defineService('archive'))
await reaches('report', 'running')

// 2. replace: the old one stops after its dependents, the new one starts, the dependents return with it.
await app.replace(new Mailer(2))
await reaches('api', 'running')
assert.equal(api.uses, 2)
assert.equal(app.getServiceStatus('mailer').epoch, 2)

// 3. If the new one does not start, the old one is put back and started again.
await assert.rejects(app.replace(new Mailer(3)), { code: 'START_INCOMPLETE' })
await reaches('api', 'running')
assert.equal(api.uses, 2)

// 4. unregister: refused while others require it; with `cascade` they go too, dependents first.
await assert.rejects(app.unregister('mailer'), { code: 'SERVICE_IN_USE' })
assert.equal(app.getServiceStatus('mailer').state, 'running') // nothing was touched
await app.unregister('mailer', { cascade: true })
assert.deepEqual(
  app.registry.getAll().map(({ name }) => name),
  ['report', 'archive'],
)

// 5. Mistakes change nothing.
const cycle = defineService('mailer', { dependsOn: [{ name: 'mailer', optional: true }] })
await assert.rejects(app.register(cycle), { code: 'DEPENDENCY_CYCLE', message: /mailer → mailer/ })
await assert.rejects(app.register(defineService('archive')), { code: 'SERVICE_DUPLICATE' })
await assert.rejects(app.replace(defineService('archiv')), {
  code: 'SERVICE_NOT_FOUND',
  message: /did you mean 'archive'/,
})
assert.equal(app.registry.size, 2)
await app.stop()
