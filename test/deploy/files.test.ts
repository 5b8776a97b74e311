/** The real file system with all the ways in which people and programs edit: what counts is what a file says. */
import { execFileSync } from 'node:child_process'
import { chmod, mkdir, open, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Host, host, lines } from './host.js'

const text = (name: string, version = 0): string => JSON.stringify({ name, type: 'plain', config: { version } })

async function deployed(...names: string[]): Promise<Host> {
  const h = await host()
  for (const name of names) await h.write(`${name}.json`, text(name, 1))
  await h.scan()
  h.hooks.length = 0
  return h
}

const refusals = (h: Host): string[] => h.events.filter(({ outcome }) => outcome === 'refused').map((e) => e.because)

describe('a file', () => {
  it('under another name with the same content restarts nothing, whoever comes first', async () => {
    const h = await deployed('a', 'b')
    await h.rename('a.json', 'z.json')
    await h.rename('b.json', '0.json')
    expect(lines((await h.scan()).steps)).toEqual(['keep b', 'keep a'])
    await h.rename('z.json', 'a.yaml') // JSON is YAML, too
    await h.scan()
    expect([h.hooks, h.is('a'), h.is('b')]).toEqual([[], 'running 1', 'running 1'])
    await h.remove('a.yaml')
    await h.scan()
    expect(h.events.at(-1)).toMatchObject({ action: 'undeploy', name: 'a', because: 'a.yaml is gone' })
  })

  it('is read by what it says: new times, spaces, keys in another order and shorthands change nothing', async () => {
    const h = await host()
    await h.write(
      'a.json',
      '{"name":"a","type":"plain","dependsOn":["b",{"name":"c"}],"config":{"version":1,"takes":0}}',
    )
    await h.scan()
    await utimes(join(h.folder, 'a.json'), 1, 1)
    await h.scan()
    await h.write(
      'a.json',
      '\uFEFF{ "config": {"takes": 0, "version": 1.0}, "dependsOn": [{"name":"c"}, {"name": "b"}],\n"$schema": "x", "enabled": true, "type":"plain", "name":"a" }',
    )
    expect(lines((await h.scan()).steps)).toEqual(['keep a'])
    expect(h.built).toEqual(['a@1'])
  })

  it('edited in place, with the same size and the same times, is noticed', async () => {
    const h = await deployed('a')
    const path = join(h.folder, 'a.json')
    await utimes(path, 1, 1)
    await h.scan()
    const handle = await open(path, 'r+')
    await handle.write(text('a', 2), 0)
    await handle.close()
    await utimes(path, 1, 1)
    await h.scan()
    expect(h.hooks.at(-1)).toBe('a@2 start')
  })

  it('put in place by a rename, or by a swapped symbolic link as Kubernetes does, is noticed', async () => {
    const h = await deployed('a')
    await h.write('.a.json.tmp', text('a', 2))
    await h.rename('.a.json.tmp', 'a.json')
    await h.scan()
    expect(h.hooks.at(-1)).toBe('a@2 start')

    for (const version of [3, 4]) {
      await mkdir(join(h.folder, `..v${version}`))
      await writeFile(join(h.folder, `..v${version}`, 'a.json'), text('a', version))
    }
    await symlink('..v3', join(h.folder, '..data'))
    await h.remove('a.json')
    await symlink(join('..data', 'a.json'), join(h.folder, 'a.json'))
    await h.scan()
    expect(h.hooks.at(-1)).toBe('a@3 start')
    await symlink('..v4', join(h.folder, '..next'))
    await rename(join(h.folder, '..next'), join(h.folder, '..data'))
    await h.scan()
    expect(h.hooks.at(-1)).toBe('a@4 start')
    expect(h.told().filter((line) => !line.startsWith('done'))).toEqual([])
  })

  it('that is half written keeps the last good one, and is told once until it changes', async () => {
    const h = await deployed('a', 'b')
    await h.write('b.json', text('b', 2))
    for (const broken of ['', '{"name":"a","ty', '{"name":"a","type":']) {
      await h.write('a.json', broken)
      await h.scan()
      await h.scan()
    }
    expect(refusals(h)).toEqual([
      "descriptor a.json: it is empty; write JSON into it; 'a' stays as it is",
      expect.stringMatching(
        /^descriptor a\.json: it is no JSON: Unterminated string in JSON at position 15.*; 'a' stays as it is$/,
      ),
      expect.stringMatching(/^descriptor a\.json: it is no JSON: Unexpected end of JSON input.*; 'a' stays as it is$/),
    ])
    expect([h.is('a'), h.hooks]).toEqual(['running 1', ['b@1 stop (replaced)', 'b@2 start']])
    await h.write('a.json', text('a', 1))
    expect(lines((await h.scan()).steps)).toEqual(['keep a', 'keep b'])
    await h.write('a.json', '{')
    await h.scan()
    expect(refusals(h)).toHaveLength(4)
  })

  it('that is broken and has another name by now is still the same file', async () => {
    const h = await deployed('a')
    await h.write('a.json', '{ oops')
    await h.scan()
    await h.rename('a.json', 'b.json')
    await h.scan()
    expect(h.is('a')).toBe('running 1')
    await h.remove('b.json')
    await h.scan()
    expect(h.is('a')).toBe('-')
  })

  it('that is moved and spoilt at once is still the same file, as long as it says its name', async () => {
    const h = await deployed('a', 'b')
    await h.remove('a.json')
    await h.write('z.json', '{"name":"a","type":"plain","config":{"version":"x"}}')
    await h.rename('b.json', 'c.json')
    await h.write('c.json', '{"name":"b","type":"plain","enabled":1}')
    await h.scan()
    expect(refusals(h)).toEqual([
      expect.stringMatching(/^descriptor c\.json: enabled is 1.*; 'b' stays as it is$/),
      expect.stringMatching(/^descriptor 'a' of type 'plain' in z\.json: config\.version.*; 'a' stays as it is$/),
    ])
    expect([h.hooks, h.is('a'), h.is('b')]).toEqual([[], 'running 1', 'running 1'])
    await h.write('z.json', text('a', 2))
    await h.remove('c.json')
    await h.scan()
    expect([h.is('a'), h.is('b')]).toEqual(['running 2', '-'])
  })

  it('that is away for a moment in which somebody asks for a plan is still the same file', async () => {
    const h = await deployed('a')
    await h.rename('a.json', 'a.json.away')
    expect(lines((await h.deployer.plan()).steps)).toEqual(['undeploy a'])
    await h.write('z.json', '{"name":"a","type":"plain","config":1}')
    await h.scan()
    expect([h.hooks, h.is('a')]).toEqual([[], 'running 1'])
  })

  it('that says another name undeploys the one and deploys the other', async () => {
    const h = await deployed('a')
    await h.write('a.json', text('b', 1))
    expect(lines((await h.scan()).steps)).toEqual(['deploy b', 'undeploy a'])
  })

  it('that is no regular UTF-8 file of bounded size is refused, and never waited for', async () => {
    const h = await deployed('a')
    await unlink(join(h.folder, 'a.json'))
    execFileSync('sh', ['-c', 'mkfifo "$1"', 'sh', join(h.folder, 'a.json')])
    await h.write('big.json', `"${'x'.repeat(1024 * 1024)}"`)
    await writeFile(join(h.folder, 'bytes.json'), Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))
    await mkdir(join(h.folder, 'folder.json'))
    await symlink('nowhere', join(h.folder, 'link.json'))
    await symlink('loop.json', join(h.folder, 'loop.json'))
    const server = createServer().listen(join(h.folder, 'socket.json'))
    await h.write('notes.txt', 'nobody reads this')
    await h.write('.hidden.json', 'nor this')
    const { steps } = await h.scan()
    server.close()
    expect(steps.flatMap(({ error, because }) => (error ? [because] : [])).sort()).toEqual([
      "descriptor a.json: is no regular file; put it elsewhere, or give it another extension; 'a' stays as it is",
      'descriptor big.json: has 1048578 bytes; a descriptor has at most 1048576',
      'descriptor bytes.json: is no UTF-8 text; save it as UTF-8',
      'descriptor folder.json: is no regular file; put it elsewhere, or give it another extension',
      expect.stringMatching(/^descriptor link\.json: cannot be read: ENOENT.*; make it readable, or remove it$/),
      expect.stringMatching(/^descriptor loop\.json: cannot be read: ELOOP/),
      expect.stringMatching(/^descriptor socket\.json: cannot be read: ENXIO/),
    ])
    expect(h.is('a')).toBe('running 1')
  })

  it('of the same name as another is refused with both; the one that is deployed stays', async () => {
    const h = await host()
    await h.write('b.json', text('x', 2))
    await h.write('a.json', text('x', 1))
    await h.write('c.json', text('x', 3))
    await h.scan()
    expect(h.hooks).toEqual(['x@1 start']) // none was deployed: the first by name
    expect(h.events.filter(({ error }) => error).map(({ error }) => `${error?.code} ${error?.message}`)).toEqual([
      "SERVICE_DUPLICATE descriptor 'x' is in two files: a.json stays, b.json is passed over; give one of them another name",
      "SERVICE_DUPLICATE descriptor 'x' is in two files: a.json stays, c.json is passed over; give one of them another name",
    ])
    await h.rename('a.json', 'z.json')
    await h.scan()
    expect(h.hooks).toHaveLength(1) // the one that says what is deployed
    await h.write('a.json', text('x', 4))
    await h.write('z.json', '{')
    await h.scan()
    expect(h.hooks).toHaveLength(1) // the one it was deployed from, also while it is broken
    await h.remove('z.json')
    await h.scan()
    expect(h.hooks.at(-1)).toBe('x@4 start')
  })

  it('in YAML is read like one in JSON', async () => {
    const h = await host()
    await h.write('a.yml', '# a comment\nname: a\ntype: plain\nconfig: { version: 3 }\nrestart: { policy: never }\n')
    await h.scan()
    expect(h.hooks).toEqual(['a@3 start'])
    await h.write('a.yml', 'name: a\ntype: [plain\n')
    await h.scan()
    expect(refusals(h)).toEqual([expect.stringMatching(/^descriptor a\.yml: it is no YAML: .+ line 3, column 1/)])
    expect(h.is('a')).toBe('running 1')
  })
})

describe('a directory', () => {
  it('that cannot be read changes nothing and is told once', async () => {
    const h = await deployed('a')
    await rename(h.folder, `${h.folder}-away`)
    const reports = [await h.scan(), await h.scan()]
    expect(reports.map(({ error, steps }) => [error?.code, steps.length])).toEqual([
      ['CONFIG_INVALID', 0],
      ['CONFIG_INVALID', 0],
    ])
    expect(refusals(h)).toEqual([
      `directory ${h.folder}: cannot be read: ENOENT: no such file or directory, scandir '${h.folder}'; nothing is changed until it can`,
    ])
    await expect(h.deployer.plan()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await writeFile(h.folder, 'a file in its place')
    await h.scan()
    expect(refusals(h)[1]).toMatch(/ENOTDIR/)
    await rm(h.folder)
    expect(h.is('a')).toBe('running 1')
    await rename(`${h.folder}-away`, h.folder)
    expect(lines((await h.scan()).steps)).toEqual(['keep a'])
    expect(h.hooks).toEqual([])
  })

  it('that was away for a while does not have its bad files told again', async () => {
    const h = await deployed('a')
    await h.write('b.json', '{')
    await h.scan()
    for (let i = 0; i < 2; i++) {
      await rename(h.folder, `${h.folder}-away`)
      await h.scan()
      await rename(`${h.folder}-away`, h.folder)
      await h.scan()
    }
    const told = ['refused refuse b.json', 'refused refuse directory', 'refused refuse directory']
    expect(h.told().slice(1)).toEqual(told.map((line) => `${line} CONFIG_INVALID`))
  })

  it('with files that are written all the time goes on with the others', async () => {
    const h = await deployed('a')
    const busy = Array.from({ length: 8 }, (_, i) => `busy${i}.json`)
    for (const file of busy) await h.write(file, '{}')
    let isOver = false
    const writers = busy.map(async (file) => {
      for (let i = 0; !isOver; i++) await h.write(file, text(file, i))
    })
    await h.remove('a.json')
    const errors: unknown[] = []
    for (const name of ['b', 'c', 'd', 'e', 'f']) {
      await h.write(`${name}.json`, text(name))
      errors.push((await h.deployer.scan()).error)
      expect(h.is(name)).toBe('running 1')
    }
    isOver = true
    await Promise.all(writers)
    expect(errors.filter(Boolean)).toEqual([])
    expect(h.is('a')).toBe('-')
    expect(refusals(h)).toContainEqual(
      expect.stringMatching(/^descriptor busy\d\.json: changes faster than it can be read; let it rest/),
    )
  })

  it('whose files are being renamed all the time restarts nothing, whenever it is read', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `s${i}`)
    const h = await deployed(...names)
    let isOver = false
    const storm = (async () => {
      for (let round = 0; !isOver; round++)
        for (const name of names)
          await h.rename(`${name}${round % 2 ? '.x' : ''}.json`, `${name}${round % 2 ? '' : '.x'}.json`)
    })()
    for (let i = 0; i < 25; i++) await h.deployer.scan()
    isOver = true
    await storm
    await h.scan()
    expect([h.hooks, h.app.registry.size]).toEqual([[], 20])
    expect(h.told().filter((line) => !/^(done deploy|refused refuse directory)/.test(line))).toEqual([])
  })

  it('that is empty undeploys everything', async () => {
    const h = await deployed('a', 'b')
    await h.remove('a.json')
    await h.remove('b.json')
    await h.scan()
    expect(h.app.registry.size).toBe(0)
  })

  it.skipIf(process.getuid?.() === 0)('file without permission keeps the last good one', async () => {
    const h = await deployed('a')
    await chmod(join(h.folder, 'a.json'), 0)
    await h.scan()
    expect(refusals(h)).toEqual([expect.stringMatching(/^descriptor a\.json: cannot be read: EACCES/)])
    expect(h.is('a')).toBe('running 1')
  })
})
