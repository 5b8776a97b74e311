// The child process that prints labels: it answers `{ id, order }`, and ends when its parent hangs up or is gone.
import { createHash } from 'node:crypto'

process.on('message', ({ id, order }) => {
  const code = createHash('sha256').update(`${order.id} ${order.item}`).digest('hex').slice(0, 12)
  process.send({ id, value: `${code.slice(0, 4)}-${code.slice(4, 8)}-${code.slice(8)}` })
})
process.on('disconnect', () => process.exit())

// Ctrl-C reaches the whole process group; when this process ends is its parent's decision.
process.on('SIGINT', () => {})

process.send('open')
