// A day of the gateway, in acts: people edit files while it runs, and it does what the files say - and nothing else.
// Every promise is checked; the first that is not kept ends the story.
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Teller } from '../demo/story/teller.js'
import type { Gateway } from './gateway.js'
import { errorOf, took } from './traces.js'

export class Stage {
  readonly tell: Teller
  readonly gateway: Gateway

  constructor(tell: Teller, gateway: Gateway) {
    this.tell = tell
    this.gateway = gateway
  }

  /** Writes a file of the directory as an editor does that is careful: beside it, and then in its place. */
  async write(file: string, content: object | string): Promise<void> {
    const path = this.path(file)
    await writeFile(`${path}.new`, typeof content === 'string' ? content : JSON.stringify(content))
    await rename(`${path}.new`, path)
  }

  path(file: string): string {
    return join(this.gateway.folder, 'services', file)
  }

  /** Something that has to come by itself. */
  async comes(fact: string, name: string, what: string): Promise<void> {
    await this.tell.until(
      fact,
      () => this.gateway.is(name) === what,
      () => this.gateway.is(name),
    )
  }

  /** Waits until the deployer has said so. */
  async says(fact: string, line: RegExp): Promise<void> {
    await this.tell.until(
      fact,
      () => this.gateway.log.some((each) => line.test(each)),
      () => this.gateway.log.join('\n'),
    )
  }

  async answers(fact: string, path: string, answer: string): Promise<void> {
    const got = await this.gateway.get(path)
    this.tell.check(fact, got === answer, got)
  }
}

const page = (text: string, more: object = {}, config: object = {}): object => ({
  name: 'home',
  type: 'page',
  config: { text, ...config },
  ...more,
})

async function opens({ tell, gateway }: Stage): Promise<void> {
  tell.act('The gateway opens, on an empty directory')
  await gateway.app.start()
  tell.check('two services run: the deployer and the watcher of the configuration', gateway.app.registry.size === 2)
}

async function deploys(stage: Stage): Promise<void> {
  stage.tell.act('Three files, in any order: a listener, a route, a page')
  await stage.write('a-route.json', { name: 'home-route', type: 'route', config: { path: '/', page: 'home' } })
  await stage.write('b-listener.yaml', 'name: listener\ntype: listener\n# routes come and go without it\n')
  await stage.write('c-home.json', page('hello', {}, { warmUp: 60 }))
  await stage.comes('the route is up, once the page is', 'home-route', 'running 1')
  await stage.comes('and so is the listener', 'listener', 'running 1')
  await stage.answers('a request is answered', '/', '200 good morning: hello')
  await stage.answers('another path is not', '/news', '404 good morning: no such page')
}

async function edits(stage: Stage): Promise<void> {
  stage.tell.act('The page is edited')
  await stage.write('c-home.json', page('hello, world'))
  await stage.comes('the new page runs', 'home', 'running 2')
  await stage.comes('the route went down with the old one and is back', 'home-route', 'running 2')
  await stage.comes('the listener never noticed', 'listener', 'running 1')
  await stage.answers('and this is what people see', '/', '200 good morning: hello, world')
}

async function breaks(stage: Stage): Promise<void> {
  const { tell } = stage
  tell.act('The page is broken, in three ways')
  await stage.write('c-home.json', '{ "name": "home", "type": "pa')
  await stage.says('half a file is refused', /^refused .*c-home\.json: it is no JSON/)
  await stage.write('c-home.json', page('hello', {}, { txet: 'oops' }))
  await stage.says('a wrong field is refused, by its path', /^refused .*'home' of type 'page' in c-home\.json: .*txet/)
  await stage.comes('neither of them has touched what runs', 'home', 'running 2')
  await stage.write('c-home.json', page(''))
  await stage.says('a page that does not start is taken back', /^failed replace home - .*a page needs a text/)
  await stage.comes('and the old one runs again', 'home-route', 'running 3')
  await stage.answers('people see what they saw before', '/', '200 good morning: hello, world')
  await stage.write('c-home.json', page('hello, world'))
}

async function moves(stage: Stage): Promise<void> {
  const { tell, gateway } = stage
  tell.act('Files are renamed, and an option changes')
  const before = [gateway.is('home'), gateway.is('listener')].join()
  await rename(stage.path('c-home.json'), stage.path('pages-home.json'))
  await rename(stage.path('b-listener.yaml'), stage.path('z.yaml'))
  await stage.write('pages-home.json', page('hello, world', { essential: false, restart: { maxRetries: 1 } }))
  await stage.says('the option is applied', /^done reconfigure home/)
  tell.check('and nothing was restarted', [gateway.is('home'), gateway.is('listener')].join() === before)
}

async function grows(stage: Stage): Promise<void> {
  const { tell, gateway } = stage
  tell.act('A second page comes, is disabled, and goes')
  await stage.write('news-route.json', { name: 'news-route', type: 'route', config: { path: '/news', page: 'news' } })
  await stage.comes('a route without its page waits', 'news-route', 'waiting 0')
  tell.say(gateway.app.explain('news-route').text)
  await stage.write('news.json', { ...page('nothing new'), name: 'news' })
  await stage.comes('until it is there', 'news-route', 'running 1')
  await stage.answers('and leads to it', '/news', '200 good morning: nothing new')
  await stage.write('news.json', { ...page('nothing new'), name: 'news', enabled: false })
  await stage.says(
    'what others need is not disabled',
    /^refused undeploy news|refused refuse news - .*but 'news-route' requires it/,
  )
  await rm(stage.path('news-route.json'))
  await stage.comes('without them it is', 'news', '-')
  await stage.answers('and its path leads nowhere', '/news', '404 good morning: no such page')
}

async function isConfigured(stage: Stage): Promise<void> {
  const { tell, gateway } = stage
  tell.act('The configuration changes, then the environment')
  const before = gateway.is('listener')
  tell.check('a variable lies over the file', gateway.config.duration('link.timeout') === 5_000)
  const path = join(gateway.folder, 'gateway.json')
  const write = (data: unknown): Promise<void> => writeFile(path, JSON.stringify(data))
  await write({ greeting: 'good evening', link: { timeout: '2s' } })
  await tell.until('an edit is noticed', () => gateway.config.value.greeting === 'good evening')
  await stage.answers('and seen in the next request', '/', '200 good evening: hello, world')
  await write({ greeting: '', link: { timeout: '2s' } })
  await tell.until(
    'a bad one is reported',
    () =>
      gateway.app.getServiceStatus('config').health === 'degraded' ||
      gateway.app.getServiceStatus('config').data?.problem !== undefined,
  )
  await stage.answers('and the old one stays', '/', '200 good evening: hello, world')
  await write({ greeting: 'good night', link: { timeout: '2s' } })
  gateway.env.GATEWAY_GREETING = 'good bye'
  delete gateway.env.GATEWAY_LINK_TIMEOUT
  await gateway.config.reload()
  await stage.answers('the environment has the last word', '/', '200 good bye: hello, world')
  tell.check('what it no longer says is the file’s again', gateway.config.duration('link.timeout') === 2_000)
  tell.check('and nothing was restarted', gateway.is('listener') === before)
}

async function closes({ tell, gateway }: Stage): Promise<void> {
  tell.act('The gateway closes')
  await gateway.app.stop()
  tell.check(
    'everything is at rest',
    gateway.app.getAllServices().every(({ phase }) => phase === 'idle'),
  )
}

async function isTraced({ tell, gateway: { traces, asked } }: Stage): Promise<void> {
  tell.act('And all of it can be read in the traces')
  const [start] = traces.spans('keelson.start')
  tell.check(
    'the start, with what it started',
    traces.below(start).sort().join() === 'service.start config,service.start deployer',
    traces.below(start),
  )
  const [first] = traces.spans('keelson.service.start', 'home')
  tell.check(
    'the first start of the page took the 60 ms that it needs',
    first !== undefined && took(first) >= 55 && took(first) < 5_000,
    first && took(first),
  )
  const [good, bad] = traces.spans('keelson.replace', 'home')
  const clean = ['service.stop home-route', 'service.stop home', 'service.start home', 'service.start home-route']
  tell.check(
    'the replacement: its dependents first, then itself, and back',
    traces.below(good).join() === clean.join(),
    traces.below(good),
  )
  tell.check('which went well', good !== undefined && errorOf(good) === '')
  tell.check(
    'the replacement that failed, and why',
    bad !== undefined && errorOf(bad) === ' !START_INCOMPLETE',
    bad && errorOf(bad),
  )
  const undone = [...clean.slice(0, 2), 'service.start home !START_FAILED', 'service.stop home', ...clean.slice(2)]
  tell.check('with the way back to the old one', traces.below(bad).join() === undone.join(), traces.below(bad))
  const requests = traces.spans('gateway.request').length
  tell.check('each request, by the observer that the services were handed', requests === asked, requests)
  const [stop] = traces.spans('keelson.stop')
  const order = traces.below(stop).filter((each) => each.includes('home'))
  tell.check(
    'the stop, the route before its page',
    order.join() === 'service.stop home-route,service.stop home',
    traces.below(stop),
  )
}

export const ACTS: readonly ((stage: Stage) => Promise<void>)[] = [
  opens,
  deploys,
  edits,
  breaks,
  moves,
  grows,
  isConfigured,
  closes,
  isTraced,
]
