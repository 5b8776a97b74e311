/** An application as what histories are played on: the thread that owns it takes part without a table. */
import type { Orchestrator, Service } from 'keelson'
import type { Played } from './threads-history.js'

export function ownRegistry(app: Orchestrator): Played {
  const isStill = (service: Service): boolean => app.registry.get(service.name) === service
  return {
    has: (name) => app.registry.has(name),
    get: (name) => {
      const service = app.registry.get(name)
      if (service === undefined) return
      return {
        get registered() {
          return isStill(service)
        },
        read: () => service as Required<Service> & { epoch: number },
      }
    },
    register: (service) => app.register(service),
    unregister: (name) => app.unregister(name),
    startService: (name) => app.startService(name),
    restartService: (name) => app.restartService(name),
    stopService: (name) => app.stopService(name),
    getServiceStatus: async (name) => app.getServiceStatus(name),
  }
}
