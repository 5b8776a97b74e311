import { it } from 'vitest'
import { Lottery, NAMES, Storm } from './zz-tmp-storm.js'
it.each([[1958, false, ['s1','s3']], [902, true, ['s4']], [2145, true, ['s6']], [769, true, ['s3']]] as const)('seed %i', async (seed, wild, who) => {
    const storm = new Storm(seed, { wild })
    const { s } = storm
    const random = new Lottery(seed + 1_000)
    for (const name of NAMES) storm.watch(`register ${name}`, s.app.register(storm.make(name)))
    storm.watch('start', s.app.start({ onFailure: 'keep' }))
    for (let i = 0; i < 60; i += 1) {
      for (let k = random.below(3); k >= 0; k -= 1) storm.act()
      await s.clock.advance(random.of([0, 1, 3, 7, 20, 100]))
    }
    storm.calm = true
    await s.clock.advance(10000)
    console.log('SEED', seed, JSON.stringify(s.app.graph().edges.map(e=>e.from+(e.optional?'?':'')+e.condition+e.onLoss+e.to)))
    console.log(storm.unexplained())
    const [lo, hi] = ({1958: [1100, 1300], 902: [0, 60], 2145: [980, 1060], 769: [11000,11300]} as any)[seed]
    for (const n of NAMES) console.log(n, s.states(n).filter(l => { const t = Number(l.split(' ')[0]); return t >= lo && t <= hi }).join(' | '), s.app.registry.has(n) ? JSON.stringify({...s.app.getServiceStatus(n), data: 0}) : 'gone')
    console.log((storm as any).log?.filter((l: string) => { const t = Number(l.split(' ')[0]); return t >= lo && t <= hi }).join('\n'))
    console.log(s.hooks.slice(-10))
    s.the
})
