// Somebody else's service, which we only connect to. It is not essential: the shop opens without it and keeps trying.
import { once } from 'node:events'
import { connect } from 'node:net'
import { defineService, type Service } from 'keelson'

export const courier = (port: number): Service =>
  defineService('courier', {
    type: 'tcp',
    remote: true,
    essential: false,
    restart: { initialBackoff: 250, maxBackoff: 2_000, jitter: 0, stableAfter: 2_000 },
    start: async ({ own, fail, signal }) => {
      const socket = connect(port, '127.0.0.1')
      own(() => socket.destroy())
      await once(socket, 'connect', { signal })
      socket.on('error', fail)
      socket.once('close', () => fail(new Error('the courier hung up')))
    },
    data: () => ({ port }),
  })
