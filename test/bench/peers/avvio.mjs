// avvio boots plugins one after the other in the order of registration; services are handed to it in an order that is right.

import avvio from 'avvio'

/** With callbacks its close calls itself once for each plugin; more than so many need promises, or the stack overflows. */
const DEEP = 1_000

export const contestant = {
  name: 'avvio',
  use: '`use()` of a plugin with callback for each, in an order counted by hand, `onClose()` in it, `ready()`, `close()`; `timeout: 0`; async plugins above 1 000',
  lacks: 'a graph (strictly one after the other), states, events of services, restart',
  build(specs) {
    const app = avvio({}, { autostart: false, timeout: 0 })
    for (const { start, stop, slow } of specs)
      app.use(
        slow || specs.length > DEEP
          ? async (instance) => {
              instance.onClose(async () => stop())
              await start()
            }
          : (instance, _options, done) => {
              instance.onClose((_instance, closed) => {
                stop()
                closed()
              })
              start()
              done()
            },
      )
    return { start: () => app.ready(), stop: () => app.close() }
  },
}
