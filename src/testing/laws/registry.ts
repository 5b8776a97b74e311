// Laws of the registry and of what is left at the end (R46, R48, R49).

import type { OperationKind } from '../../index.js'
import type { Law } from '../observation.js'
import { chronicleOf } from './chronicle.js'
import { phaseOf } from './known.js'

/** No freedom: the object that is registered is the only one whose hooks are entered. */
export const removal: Law = {
  title: 'R48 a removed service never comes back, whatever was in flight',
  hears: ['event', 'enter'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    const removing = new Set<string>()
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'event') {
        const { event } = seen
        if (event.type === 'operation' && event.operation === 'unregister' && event.target !== undefined) {
          if (event.phase === 'begin') removing.add(event.target)
          else removing.delete(event.target)
        } else if (event.type === 'unregistered' || event.type === 'registered') removing.delete(event.name)
        else if (event.type === 'state' && event.newState === 'starting' && removing.has(event.name))
          return `${event.name} is being removed and began to start (#${event.seq})`
        return undefined
      }
      if (seen.kind !== 'enter' || seen.hook === 'dispose' || seen.hook === 'check') return undefined
      const declared = scene.service(seen.service)
      if (declared === undefined)
        return `${seen.hook} of ${seen.service} (epoch ${seen.epoch}) was entered, it is not registered`
      return declared.instance === seen.instance
        ? undefined
        : `${seen.hook} of object ${seen.instance} of ${seen.service} was entered, object ${declared.instance} is registered`
    }
  },
}

const DISTURBING: readonly OperationKind[] = ['stop', 'unregister', 'replace']

/** Granted: a stop or a removal that came meanwhile, after which the old one is not put back. */
export const replacement: Law = {
  title: 'R49 a replacement has taken the place once it is done, and has not if it failed',
  hears: ['event', 'settled'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    let disturbed = 0
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind === 'event' && seen.event.type === 'operation' && seen.event.phase === 'begin')
        if (DISTURBING.includes(seen.event.operation)) disturbed = seen.event.seq
      const { called } = chronicle
      if (seen.kind !== 'settled' || called?.seen.call !== 'replace' || called.begin === undefined) return undefined
      const { target = '', instance } = called.seen
      const declared = scene.service(target)
      if (instance === undefined || declared === undefined || disturbed > called.begin.seq) return undefined
      if (!seen.rejected && declared.instance !== instance)
        return `the replacement of ${target} is done and object ${declared.instance} is registered, not ${instance}`
      if (
        seen.rejected &&
        declared.instance === instance &&
        !scene.app.snapshot().services.every(({ name }) => name !== target)
      )
        return `the replacement of ${target} failed and its object ${instance} is still registered`
      return undefined
    }
  },
}

/** No freedom at the very end: the simulation has released every hook by then. */
export const nothingLeft: Law = {
  title: 'R46 after stop nothing is left: no timer, no instance, no hook in flight',
  hears: ['end'],
  begin: (scene) => {
    const chronicle = chronicleOf(scene)
    return (seen) => {
      chronicle.see(seen)
      if (seen.kind !== 'end') return undefined
      for (const known of chronicle.services.values())
        if (phaseOf(known.state) !== 'idle') return `after the last stop ${known.name} is ${known.state}`
      if (seen.pendingTimers > 0) return `after the last stop ${seen.pendingTimers} timers are left`
      return undefined
    }
  },
}
