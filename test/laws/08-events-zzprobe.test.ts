import { it } from 'vitest'
import { service, settled, world, deferred } from '../support/world.js'
const dump = (log: any) => log.events.map((e: any, i: number) => `${e.seq}<-${e.causedBy ?? '-'} ${log.lines()[i]}`).join('\n')
it('probe', async () => {
  {
    const { app, clock, log } = world({ services: [service('api', { dependsOn: ['db'] }), service('db', { start: { takes: 10 }, check: {} })] })
    settled(app.start()); await clock.advance(100)
    ;(log as any); const db = app.registry.get('db') as any; db.crash(); await clock.advance(5000)
    settled(app.stopService('db')); await clock.advance(50)
    settled(app.startService('db')); await clock.advance(50)
    settled(app.restartService('db')); await clock.advance(50)
    console.log(dump(log))
    settled(app.stop()); await clock.advance(50)
    void app.register(service('x')); settled(app.unregister('x')); await clock.settle()
    console.log(dump(log))
  }
  {
    const { app, clock, log } = world({ maxConcurrentStarts: 1, services: [
      service('missing', { dependsOn: ['nope'], autoStart: false }),
      service('back', { start: { fails: true, error: Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' }) }, restart: { initialBackoff: 1200, maxRetries: 9, multiplier: 1 } }),
      service('onback', { dependsOn: ['back'] }),
      service('onon', { dependsOn: ['onback'] }),
      service('delayed', { startDelay: 5000 }), service('ondelayed', { dependsOn: ['delayed'] }),
      service('hang', { start: { hangs: true } }), service('onhang', { dependsOn: ['hang'] }),
      service('permit'),service('onpermit', { dependsOn: ['permit'] }),
    ] })
    settled(app.start({ onFailure: 'keep' })); await clock.advance(10)
    for (const n of app.registry.getAll()) console.log(app.explain(n.name).text, JSON.stringify(app.explain(n.name).because))
  }
  {
    const { app, clock, log } = world({ services: [
      service('job', { run: () => {} , restart: {policy: 'on-failure'}}), service('onjob', { dependsOn: ['job'] }),
      service('auth', { start: { fails: true, error: Object.assign(new Error('denied'), { statusCode: 401 }) } }), service('onauth', { dependsOn: ['auth'] }),
      service('failed', { start: { fails: true }, restart: { policy: 'never' } }), service('onfailed', { dependsOn: ['failed'] }),
      service('manual'), service('onmanual', { dependsOn: ['manual'] }),
      service('stopping', { stop: { takes: 100 } }), service('onstopping', { dependsOn: ['stopping'] , stop: { takes: 50 }}), 
      service('sick', { check: { returns: 'unhealthy' }, healthCheck: { onUnhealthy: 'report', failureThreshold: 1 } }), service('onsick', { dependsOn: ['sick'] }),
      service('checking', { check: { returns: 'checking' } }), service('onchecking', { dependsOn: ['checking'] }),
      service('aband', { start: { hangs: true, ignoresAbort: true } , startTimeout: 500, abortGrace: 10}), service('onaband', { dependsOn: ['aband'] }),
      service('remote', { remote: true, start: { fails: true, error: Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) }, restart: { initialBackoff: 10, multiplier: 1, jitter: 0 } }),
      service('never', { autoStart: false }), service('wt', { dependsOn: [{ name: 'checking', timeout: 30 }] }),
      service('always', { run: () => {}, restart: { policy: 'always', initialBackoff: 50_000 } }),
    ] })
    settled(app.start({ onFailure: 'keep' })); await clock.advance(45)
    settled(app.stopService('manual')); await clock.advance(5)
    settled(app.restartService('stopping')); await clock.advance(20)
    settled(app.restartService('aband')); await clock.advance(20)
    for (const n of app.registry.getAll()) console.log(app.explain(n.name).text, JSON.stringify(app.explain(n.name).because))
    await clock.advance(40)
    for (const n of ['stopping', 'onstopping']) console.log(app.explain(n).text, JSON.stringify(app.explain(n).because))
    const s = settled(app.stop()); await clock.advance(5)
    for (const n of ['onstopping','stopping']) console.log(app.explain(n).text, JSON.stringify(app.explain(n).because))
    await clock.advance(500)
    for (const n of ['onstopping','stopping','manual', 'remote']) console.log(app.explain(n).text, JSON.stringify(app.explain(n).because))
  }
})
