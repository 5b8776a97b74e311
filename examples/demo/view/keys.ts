// Single keys as commands, where somebody sits at a terminal. Ctrl-C is still the signal that it always was.

export type Commands = Readonly<Record<string, { readonly does: string; readonly run: () => unknown }>>

export function listenToKeys(commands: Commands): void {
  process.stdin.setRawMode(true).unref()
  process.stdin.on('data', (key) => {
    if (key.toString() === '\x03') process.kill(process.pid, 'SIGINT')
    else void commands[key.toString()]?.run()
  })
}

export const helpOf = (commands: Commands): string =>
  [...Object.entries(commands).map(([key, { does }]) => `[${key}] ${does}`), '[Ctrl-C] close'].join('   ')
