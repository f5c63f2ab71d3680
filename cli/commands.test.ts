import { afterAll, describe, expect, it } from 'vitest'
import { COMMANDS } from './commands.ts'
import { openDesk } from './testing/run-command.ts'

const desk = openDesk()
afterAll(() => desk.close())

/** Where a command has verbs, the one that the flag goes to. */
const VERBS: Readonly<Record<string, readonly string[]>> = {
  runner: ['', 'status'],
  keys: ['new', 'show', 'register', 'list', 'create', 'rotate', 'revoke', 'usage', 'balance'],
  till: ['status', 'account', 'top-up', 'redeem', 'exit', 'reserves', 'deploy', 'freeze'],
  registry: ['show', 'add', 'revoke', 'set-uri', 'request', 'deploy'],
  wallet: ['new', 'show', 'prove', 'key'],
}
/** What runs until it is stopped. */
const SERVERS = new Set(['dev', 'gateway', 'key-service', 'connect'])
const EVERY = Object.entries(COMMANDS).flatMap(([name, load]) =>
  (VERBS[name] ?? ['']).map((verb) => ({ name, verb, load })),
)

describe('every command', () => {
  it.each(EVERY)('refuses an unknown flag as wrong usage: $name $verb', async ({ verb, load }) => {
    const { code, err } = await desk.run(await load(), `${verb} --nonsense`)
    expect(code).toBe(2)
    expect(err).not.toContain('positional')
    expect(err).toMatch(/--help/)
  })

  it.each(Object.entries(COMMANDS))(
    'says what it is and how it is called: %s',
    async (name, load) => {
      const { summary, usage } = await load()
      expect(summary).toMatch(/^[a-z]/)
      expect(usage).toMatch(new RegExp(`^cocoon ${name}: `))
      if (!SERVERS.has(name)) expect(usage).toContain('Exit code')
      const widest = Math.max(...usage.split('\n').map((line) => line.length))
      expect(widest).toBeLessThanOrEqual(125)
    },
  )
})

it.each([
  ['till', 'status extra'],
  ['till', 'account ID extra'],
  ['registry', 'show extra'],
  ['wallet', 'key extra'],
  ['keys', 'list extra'],
  ['dev', 'extra'],
  ['runner', 'stats'],
])('refuses an argument that it does not take: cocoon %s %s', async (name, line) => {
  const command = await COMMANDS[name]?.()
  if (command === undefined) throw new Error(`no command ${name}`)
  const { code, err } = await desk.run(command, line)
  expect(code).toBe(2)
  expect(err).toMatch(/extra|stats/)
})
