// moleculer starts all local services at once; one with dependencies asks again and again until they are registered.

import { ServiceBroker } from 'moleculer'

export const contestant = {
  name: 'moleculer',
  use: '`broker.createService({ name, dependencies, started, stopped })`, `broker.start()`, `broker.stop()`; internals and logger off, asks for dependencies each millisecond',
  lacks: 'an order of the stop (all at once), a start without polling where there are dependencies, restart, health',
  async build(specs) {
    const broker = new ServiceBroker({
      nodeID: 'bench',
      logger: false,
      internalServices: false,
      skipProcessEventRegistration: true,
      dependencyInterval: 1,
    })
    for (const { name, dependsOn, start, stop } of specs)
      broker.createService({
        name,
        ...(dependsOn.length > 0 && { dependencies: [...dependsOn] }),
        started: () => start(),
        stopped: () => stop(),
      })
    return { start: () => broker.start(), stop: () => broker.stop() }
  },
}
