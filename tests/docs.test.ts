import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { typedLines as typed } from './documents/typed-lines.ts'
import { expectTest, namedTests } from './support/named-tests.ts'

const ROOT = join(import.meta.dirname, '..')
const PAGES = [
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'tests/compat/README.md',
]
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

interface Typed {
  readonly command: string
  readonly words: readonly string[]
}

/** The call of `cocoon` in a line, without the comment or the next program behind it. */
function cocoonCall(line: string): Typed | undefined {
  const [, command, rest] = /^(?:npx )?cocoon ([a-z-]+)\b(.*)$/.exec(line) ?? []
  if (command === undefined || rest === undefined) return undefined
  const words = rest.split(/\s(?:#|\||>|&&)/)[0]?.split(/\s+/) ?? []
  return { command, words: words.filter((word) => word !== '') }
}

/** Commands whose first word is a verb, and those that also take the runner's settings as flags. */
const WITH_VERBS = ['keys', 'registry', 'till', 'wallet']
const WITH_RUNNER_SETTINGS = ['doctor', 'registry', 'runner']

const usages = new Map<string, string>()

interface Commands {
  readonly COMMANDS: Readonly<Record<string, () => Promise<{ readonly usage: string }>>>
}

beforeAll(async () => {
  const { COMMANDS }: Commands = await import(join(ROOT, 'cli/commands.ts'))
  for (const [name, load] of Object.entries(COMMANDS)) usages.set(name, (await load()).usage)
})

/** What is wrong with a call, in words; nothing when `--help` knows all of it. */
function faults({ command, words }: Typed): readonly string[] {
  const usage = usages.get(command)
  if (usage === undefined) return [`no command ${command}`]
  const [verb] = words
  const verbs = WITH_VERBS.includes(command) && verb !== undefined && !verb.startsWith('-')
  const missing = verbs && !new RegExp(`^(.*\\s|)${verb}\\b`, 'm').test(usage) ? [`no ${verb}`] : []
  const flags = words.flatMap((word) => /^--[a-z][a-z-]*/.exec(word) ?? [])
  return [...missing, ...flags.filter((flag) => !knows(command, usage, flag))]
}

function knows(command: string, usage: string, flag: string): boolean {
  if (flag === '--help' || new RegExp(`${flag}(?![a-z-])`).test(usage)) return true
  const setting = flag.slice(2).toUpperCase().replaceAll('-', '_')
  return (
    WITH_RUNNER_SETTINGS.includes(command) &&
    new RegExp(`^ {2}${setting} `, 'm').test(usages.get('runner') ?? '')
  )
}

describe.each(PAGES)('%s', (file) => {
  const page = read(file)

  test('its links lead somewhere', () => {
    for (const [, target = ''] of page.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      expect(existsSync(join(ROOT, dirname(file), target)), target).toBe(true)
    }
  })

  test('its commands and their flags exist', () => {
    const calls = typed(page).flatMap((line) => cocoonCall(line) ?? [])
    const wrong = calls.map((call) => ({ ...call, faults: faults(call) }))
    expect(wrong.filter(({ faults }) => faults.length > 0)).toEqual([])
  })

  test('its scripts of npm exist', () => {
    const { scripts } = JSON.parse(read('package.json'))
    for (const line of typed(page)) {
      const [, name = 'start'] = /^npm run (?:-s )?([a-z:]+)/.exec(line) ?? []
      expect(scripts, line).toHaveProperty([name])
    }
  })

  test('its settings exist', () => {
    const known = [read('.env.example'), read('examples/README.md'), ...usages.values()].join('\n')
    const inWorkers = read('gateway/worker/settings.ts')
    for (const [, name = ''] of page.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`/g)) {
      expect(known.includes(name) || inWorkers.includes(name), name).toBe(true)
    }
  })

  test('its paths exist', () => {
    const folders = readdirSync(ROOT, { withFileTypes: true })
    const tops = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name)
    for (const [, path = ''] of page.matchAll(/`([\w.-]+\/[\w./-]*)`/g)) {
      if (!tops.includes(path.split('/')[0] ?? '')) continue
      expect(existsSync(join(ROOT, path)), path).toBe(true)
    }
  })

  test('the tests that it names are there', () => {
    for (const named of namedTests(page)) expectTest(named)
  })
})

test('the index names every page', () => {
  const index = read('docs/README.md')
  for (const page of PAGES.filter((name) => /^docs\/(?!README)/.test(name))) {
    expect(index).toContain(`(${page.slice('docs/'.length)})`)
  }
})

describe('the check of commands', () => {
  test.each(['nothing', 'till steal', 'till status --colour', 'connect --endpoint x'])(
    'notices: cocoon %s',
    (line) => {
      const call = cocoonCall(`npx cocoon ${line}`)
      expect(call && faults(call)).not.toEqual([])
    },
  )

  test('knows every command, and finds calls in blocks, over lines and in the text', () => {
    expect([...usages.keys()]).toContain('export')
    const page = 'x `cocoon audit` y\n\n```\nnpx cocoon till status \\\n  --till X > file\n```\n'
    expect(typed(page).flatMap((line) => cocoonCall(line) ?? [])).toEqual([
      { command: 'till', words: ['status', '--till', 'X'] },
      { command: 'audit', words: [] },
    ])
  })
})
