// Nest calls the hooks of providers module by module, those deep in the tree of imports first, all of one module at once.

import 'reflect-metadata'
import { Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

const provider = ({ name, start, stop }) => ({
  provide: name,
  useValue: { onModuleInit: start, onModuleDestroy: stop },
})

function moduleOf(metadata) {
  class Made {}
  Module(metadata)(Made)
  return Made
}

export const contestant = {
  name: '@nestjs/core',
  use: 'a module for each service that imports those it depends on (one module for all where nobody depends on anybody), `onModuleInit`, `onModuleDestroy`, `createApplicationContext`',
  lacks: 'an order finer than the depth of modules, states, events, restart, health',
  async build(specs) {
    let root
    if (specs.every(({ dependsOn }) => dependsOn.length === 0)) root = moduleOf({ providers: specs.map(provider) })
    else {
      const modules = new Map()
      for (const spec of specs) {
        const imports = spec.dependsOn.map((name) => modules.get(name))
        modules.set(spec.name, moduleOf({ imports, providers: [provider(spec)] }))
      }
      root = moduleOf({ imports: [...modules.values()] })
    }
    let app
    return {
      async start() {
        app = await NestFactory.createApplicationContext(root, { logger: false, abortOnError: false })
        await app.init()
      },
      stop: () => app.close(),
    }
  },
}
