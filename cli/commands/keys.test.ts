import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestRunner, type TestRunner } from '#gateway/testing/test-runner.ts'
import { MODEL, startTestWorld, type TestAccount, type TestWorld } from '#gateway/testing/world.ts'
import { type Desk, openDesk, type Ran } from '../testing/run-command.ts'
import { keys } from './keys.ts'

const FUNDS = 5_000_000_000n

let world: TestWorld
let runner: TestRunner
let desk: Desk
let account: TestAccount

beforeAll(async () => {
  world = await startTestWorld()
  runner = await startTestRunner(world)
  desk = openDesk()
  account = await world.account(FUNDS)
})
afterAll(async () => {
  desk?.close()
  await runner?.close()
  await world?.close()
})

const at = (key: string) => ({ COCOON_API_KEY: key, COCOON_BASE_URL: `${world.gateway.origin}/v1` })
const run = (line: string, key = account.key): Promise<Ran> => desk.run(keys, line, at(key))

/** Makes a key and reads what was shown once. */
async function make(flags: string): Promise<{ id: string; key: string }> {
  const { code, out } = await run(`create ${flags}`)
  expect(code).toBe(0)
  return read(out)
}

function read(out: string): { id: string; key: string } {
  return {
    id: /^id +(\S+)$/m.exec(out)?.[1] ?? '',
    key: /^API key \(shown once\): (sk-coc-\S+)$/m.exec(out)?.[1] ?? '',
  }
}

async function chat(key: string): Promise<{ status: number; code: string | undefined }> {
  const response = await fetch(`${world.gateway.origin}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: MODEL, messages: [], max_tokens: 100 }),
  })
  return { status: response.status, code: (await response.json()).error?.code }
}

describe('cocoon keys at a gateway', () => {
  test('makes a key with every limit, which the gateway then has, and lists it without its text', async () => {
    const { id, key } = await make(
      `--name ci --expires 2999-01-31 --models ${MODEL},other --origins https://a.example --rpm 60 --tpm 9000 ` +
        '--concurrency 4 --budget 2.5 --budget-day 0.5 --budget-month 1 --max-input-price 0.001 --max-output-price 0.002',
    )
    const response = await fetch(`${world.gateway.origin}/v1/keys`, {
      headers: { authorization: `Bearer ${account.key}` },
    })
    const { data } = await response.json()
    expect(data.find((one: { id: string }) => one.id === id)).toMatchObject({
      name: 'ci',
      role: 'inference',
      expires_at: Date.parse('2999-01-31') / 1000,
      models: [MODEL, 'other'],
      allowed_origins: ['https://a.example'],
      requests_per_minute: 60,
      tokens_per_minute: 9_000,
      concurrency: 4,
      budget: { total: '2500000000', day: '500000000', week: null, month: '1000000000' },
      max_price: { input: '1000000', output: '2000000' },
      sealed_only: false,
    })
    const { code, out } = await run('list')
    expect(code).toBe(0)
    const line = out.split('\n').find((row) => row.startsWith(id))
    expect(line).toContain('until 2999-01-31T00:00:00Z')
    expect(line).toContain('budget 2.5 TON, a day 0.5 TON, a month 1 TON')
    expect(line).toMatch(/ {2}ci$/)
    expect(out).not.toContain(key)
    expect(out).not.toContain(account.key)
  })

  test('a rotated key works as its new text, and as its old one only for the grace', async () => {
    const before = await make('--name rotated')
    const { code, out } = await run(`rotate ${before.id} --grace-seconds 0`)
    expect(code).toBe(0)
    const after = read(out)
    expect(after.id).toBe(before.id)
    expect(await chat(after.key)).toMatchObject({ status: 200 })
    expect(await chat(before.key)).toMatchObject({ status: 401, code: 'invalid_api_key' })
    expect((await run(`rotate ${before.id}`)).out).toMatch(/^before {2}works until \d{4}-/m)
    expect(await chat(after.key)).toMatchObject({ status: 200 })
  })

  test('a revoked key ends at once, and is listed as such', async () => {
    const { id, key } = await make('--name revoked')
    expect(await run(`revoke ${id}`)).toMatchObject({ code: 0 })
    expect(await chat(key)).toMatchObject({ status: 401, code: 'invalid_api_key' })
    const { out } = await run('list')
    expect(out.split('\n').find((row) => row.startsWith(id))).toContain('revoked')
  })

  // A request costs 23 nanoTON: 10 tokens of prompt, 5 of completion, and the commission.
  test('answers a script in JSON: what is made, listed and left', async () => {
    const made = JSON.parse((await run('create --name script --rpm 5 --json')).out)
    expect(made).toMatchObject({ name: 'script', key: expect.stringMatching(/^sk-coc-/) })
    const listed = JSON.parse((await run('list --json')).out).data
    expect(listed).toContainEqual(expect.objectContaining({ id: made.id, requests_per_minute: 5 }))
    expect(JSON.stringify(listed)).not.toContain(made.key)
    const left = JSON.parse((await run('balance --json')).out)
    expect(left.balance.available).toMatch(/^\d+$/)
  })

  test('usage and balance show to the nanoTON what was spent, as a table and as CSV', async () => {
    const spender = await world.account(FUNDS)
    expect(await chat(spender.key)).toMatchObject({ status: 200 })
    expect(await chat(spender.key)).toMatchObject({ status: 200 })
    const table = await run('usage --by model', spender.key)
    expect(table.code).toBe(0)
    expect(table.out).toMatch(new RegExp(`^${MODEL} +2 +20 +0 +10 +0 +0\\.000000046$`, 'm'))
    expect(table.out).toMatch(/\(UTC\): 0\.000000046 TON$/)
    const csv = await run('usage --by model --csv', spender.key)
    const [header, row, rest] = csv.out.split('\r\n')
    expect(header).toMatch(/^model,requests,/)
    expect(row).toMatch(new RegExp(`^${MODEL},2,20,0,10,0,46,`))
    expect(rest).toBeUndefined()
    const balance = await run('balance', spender.key)
    expect(balance.out).toContain('available  4.999999954 TON')
    expect(balance.out).toContain('used       0.000000046 TON')
    expect(balance.out).toContain(spender.id)
  })

  test('a key of no account, an inference key and an unknown id are refused with a remedy', async () => {
    const { key } = await make('--name plain')
    expect(await run('list', key)).toMatchObject({
      code: 1,
      err: expect.stringContaining('--role admin'),
    })
    // What it may see of the account is what it can spend.
    expect(await run('balance', key)).toMatchObject({ code: 0 })
    const wrong = await run('list', `${account.key.slice(0, -4)}0000`)
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('COCOON_API_KEY') })
    expect(wrong.err).not.toContain(account.key.slice(0, -4))
    expect(await run('revoke key_none')).toMatchObject({
      code: 1,
      err: expect.stringContaining('cocoon keys list'),
    })
    expect(await run('usage --by colour')).toMatchObject({
      code: 1,
      err: expect.stringContaining('group_by'),
    })
  })

  test('an answer of something else, and none, are told apart', async () => {
    const server = createServer((_, response) => response.end('{"data":[{"id":1}]}'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new TypeError('no port')
    const line = `list --gateway http://127.0.0.1:${address.port}`
    expect(await run(line)).toMatchObject({ code: 1, err: expect.stringContaining('understands') })
    await new Promise<void>((resolve) => server.close(() => resolve()))
    expect(await run(line)).toMatchObject({
      code: 1,
      err: expect.stringContaining('does not answer'),
    })
  })

  test('a redirect does not carry the key elsewhere', async () => {
    const seen: (string | undefined)[] = []
    const server = createServer((request, response) => {
      seen.push(request.url)
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new TypeError('no port')
    expect(await run(`list --gateway http://127.0.0.1:${address.port}`)).toMatchObject({ code: 1 })
    expect(seen).toEqual(['/v1/keys'])
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
})

describe('the API key of cocoon keys', () => {
  test('comes from a file, with a warning when others may read it', async () => {
    const path = join(desk.folder, 'key.txt')
    writeFileSync(path, `${account.key}\n`)
    chmodSync(path, 0o644)
    const line = `balance --key-file key.txt --gateway ${world.gateway.origin}`
    expect(await desk.run(keys, line)).toMatchObject({
      code: 0,
      err: expect.stringContaining('chmod 600'),
    })
    chmodSync(path, 0o600)
    expect(await desk.run(keys, line)).toMatchObject({ code: 0, err: '' })
  })

  test('comes with its gateway from the world of npm start, when neither is said', async () => {
    const other = openDesk()
    mkdirSync(join(other.folder, '.cocoon'))
    const info = { baseUrl: `${world.gateway.origin}/v1`, apiKey: account.key }
    writeFileSync(join(other.folder, '.cocoon', 'dev.json'), JSON.stringify(info))
    expect(await other.run(keys, 'balance')).toMatchObject({ code: 0 })
    // Its key is not told to another gateway.
    expect(await other.run(keys, 'balance --gateway https://other.example')).toMatchObject({
      code: 2,
      err: expect.stringContaining('COCOON_API_KEY'),
    })
    other.close()
  })

  test.each([
    ['list', {}, 'COCOON_BASE_URL'],
    ['list --gateway https://gateway.example', {}, 'no argument'],
    ['list --gateway http://gateway.example', { COCOON_API_KEY: 'sk-coc-x' }, 'in the clear'],
    ['list --gateway gateway.example', { COCOON_API_KEY: 'sk-coc-x' }, 'https://gateway.example'],
    ['list --gateway https://gateway.example', { COCOON_API_KEY: 'a\nb' }, 'holds no API key'],
    ['list --key-file none.txt', {}, 'cannot read none.txt'],
    ['list --api-key sk-coc-x', {}, '--api-key'],
    ['rotate', {}, 'cocoon keys list'],
    ['rotate key_1 --grace-seconds soon', {}, '--grace-seconds'],
    ['revoke sk-coc-secret', {}, 'history'],
    ['create --budget much', {}, '--budget'],
    ['create --rpm 0', {}, '--rpm'],
    ['create --role owner', {}, '--role'],
    ['create --models a,,b', {}, '--models'],
    ['create --expires 2027-02-30', {}, '--expires'],
    ['create --bugdet 1', {}, '--bugdet'],
    ['lsit', {}, 'list, create'],
  ])('%s with %o is wrong usage, said so that it can be mended', async (line, env, said) => {
    const { code, err } = await desk.run(keys, line, env)
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining(said) })
    expect(err).not.toContain('sk-coc-secret')
  })
})

test('account keys are made once, registered at the gateway, and never overwritten', async () => {
  expect(await run('new --out own.json --mode managed')).toMatchObject({ code: 0 })
  const before = readFileSync(join(desk.folder, 'own.json'), 'utf8')
  expect(await run('new --out own.json')).toMatchObject({
    code: 2,
    err: expect.stringContaining('there already'),
  })
  expect(readFileSync(join(desk.folder, 'own.json'), 'utf8')).toBe(before)
  const { code, out } = await run(`register own.json --gateway ${world.gateway.origin}`)
  expect(code).toBe(0)
  const { key } = read(out)
  expect((await run('list', key)).out).toContain('admin')
  const shown = (await run('show own.json')).out
  expect((await run('balance', key)).out).toContain(/^account +(\S+)$/m.exec(shown)?.[1])
})
