import { beforeEach, describe, expect, test } from 'vitest'
import { type UnixMs, unixMs, unixSeconds } from '#base/brand.ts'
import { type Bytes, hex } from '#base/bytes.ts'
import { accountIdOf, accountKeysFromJson } from '#contracts/pure'
import { accountStatement } from '#protocol'
import { generateSigner, nodeProvider } from '#protocol/node'
import { NO_RULES } from '../ledger/key-rules.ts'
import type { Ledger } from '../ledger/port.ts'
import { mirror, NOW, NOW_S } from '../ledger/testing/fixtures.ts'
import { openLedger } from '../node/testing/open-ledger.ts'
import { makeApiKey, readApiKey } from './api-key.ts'
import { type Authenticator, createAuthenticator } from './authenticator.ts'
import { changeKey, FIRST_KEY, issueKey, listKeys, revokeKey } from './keys.ts'
import { type OpenAccountDeps, openAccount, STATEMENT_SECONDS } from './open-account.ts'

const SECRET: Bytes = new Uint8Array(32).fill(7)
const GATEWAY = 'https://gateway.example'
const OWNER = generateSigner('owner')
const THIEF = generateSigner('thief')

function random(length: number): Bytes {
  return crypto.getRandomValues(new Uint8Array(length))
}

let now: UnixMs
let ledger: Ledger
let commits: number
let authenticator: Authenticator
let deps: OpenAccountDeps

beforeEach(() => {
  now = NOW
  commits = 0
  const inner = openLedger(':memory:').ledger
  ledger = {
    commit: (ops) => {
      commits++
      return inner.commit(ops)
    },
  }
  const hashes = nodeProvider.hashes
  const clock = () => now
  authenticator = createAuthenticator({ ledger, hashes, secret: SECRET, clock })
  deps = {
    ledger,
    hashes,
    secret: SECRET,
    clock,
    random,
    forget: (account) => authenticator.forget(account),
    gateway: GATEWAY,
    verify: nodeProvider.verify,
  }
})

const KEYS = {
  owner_key: hex(OWNER.publicKey),
  salt: hex(random(16)),
}

async function statement(
  said: { gateway?: string; issued_at?: number; nonce?: string; signer?: typeof OWNER } = {},
) {
  const keys = accountKeysFromJson(KEYS)
  const account = await accountIdOf(keys, 'managed', (bytes) => nodeProvider.hashes.sha256(bytes))
  const { gateway = GATEWAY, issued_at = NOW_S, nonce = hex(random(16)), signer = OWNER } = said
  const signature = hex(signer.sign(accountStatement({ gateway, account, issued_at, nonce })))
  return { keys: KEYS, mode: 'managed', issued_at: unixSeconds(issued_at), nonce, signature }
}

describe('opening an account', () => {
  test("the owner's keys decide the id, and its first key works", async () => {
    const opened = await openAccount(deps, await statement())
    expect(opened.created).toBe(true)
    expect(opened.key.text.startsWith(`sk-coc-${opened.account}-`)).toBe(true)
    const identity = await authenticator.authenticate(opened.key.text)
    expect(identity).toEqual({
      account: opened.account,
      mode: 'managed',
      key: opened.key.id,
      role: 'admin',
      sealedOnly: false,
      rules: NO_RULES,
    })
  })

  test('money that came first waits for its owner', async () => {
    const body = await statement()
    const keys = accountKeysFromJson(KEYS)
    const account = await accountIdOf(keys, 'managed', (bytes) => nodeProvider.hashes.sha256(bytes))
    await ledger.commit([mirror(account, 500n)])
    expect(await openAccount(deps, body)).toMatchObject({ account, created: false })
  })

  test('nobody gets a key by posting the keys of somebody else (C2)', async () => {
    await openAccount(deps, await statement())
    const forged = await statement({ signer: THIEF })
    await expect(openAccount(deps, forged)).rejects.toMatchObject({ code: 'bad_signature' })
    const { signature: _, ...unsigned } = await statement()
    await expect(openAccount(deps, unsigned)).rejects.toMatchObject({ code: 'bad_signature' })
  })

  test('an account of a wallet alone gets its first key, and never a second one this way (C2)', async () => {
    const keys = { owner: `0:${'ab'.repeat(32)}`, salt: hex(random(16)) }
    const body = { keys, mode: 'managed', issued_at: NOW_S, nonce: hex(random(16)) }
    expect(await openAccount(deps, body)).toMatchObject({ created: true })
    await expect(openAccount(deps, body)).rejects.toMatchObject({ code: 'account_exists' })
  })

  test('a statement works once, now, and at this gateway only', async () => {
    const body = await statement()
    await openAccount(deps, body)
    await expect(openAccount(deps, body)).rejects.toMatchObject({ code: 'stale_statement' })
    const old = await statement({ issued_at: NOW_S - STATEMENT_SECONDS - 1 })
    await expect(openAccount(deps, old)).rejects.toMatchObject({ code: 'stale_statement' })
    const elsewhere = await statement({ gateway: 'https://other.example' })
    await expect(openAccount(deps, elsewhere)).rejects.toMatchObject({ code: 'bad_signature' })
  })

  test('a key for which anyone can sign owns nothing (C1)', async () => {
    const body = await statement()
    const weak = { ...body, keys: { ...KEYS, owner_key: '00'.repeat(32) } }
    await expect(openAccount(deps, weak)).rejects.toMatchObject({ code: 'bad_request' })
  })
})

describe('API keys', () => {
  test('a made-up key costs no look-up (M17)', async () => {
    const { account, key } = await openAccount(deps, await statement())
    const before = commits
    const mac = nodeProvider.hashes.macKey(new Uint8Array(32).fill(8))
    const flip = (text: string) => `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`
    const bogus = [
      makeApiKey(account, mac, random),
      flip(key.text),
      key.text.toLowerCase(),
      'sk-x',
      '',
    ]
    for (const text of bogus) {
      expect(() => authenticator.authenticate(text)).toThrow('no such key')
    }
    expect(commits).toBe(before)
  })

  test('a well-made key that was never given out is refused', async () => {
    const { account } = await openAccount(deps, await statement())
    const text = makeApiKey(account, nodeProvider.hashes.macKey(SECRET), random)
    expect(readApiKey(text, nodeProvider.hashes.macKey(SECRET))).toBe(account)
    await expect(authenticator.authenticate(text)).rejects.toMatchObject({ code: 'invalid_key' })
  })

  test('a key seen a moment ago is known at once, and looked up again later', async () => {
    const { key } = await openAccount(deps, await statement())
    await authenticator.authenticate(key.text)
    const before = commits
    expect(authenticator.authenticate(key.text)).not.toBeInstanceOf(Promise)
    expect(commits).toBe(before)
    now = unixMs(now + 5_000)
    await authenticator.authenticate(key.text)
    expect(commits).toBe(before + 1)
  })

  test('a revoked key stops at once, its neighbours do not', async () => {
    const { account, key } = await openAccount(deps, await statement())
    const other = await issueKey(deps, account, { ...FIRST_KEY, name: 'two', sealedOnly: true })
    await authenticator.authenticate(key.text)
    await revokeKey(deps, account, key.id)
    await expect(authenticator.authenticate(key.text)).rejects.toMatchObject({
      code: 'revoked_key',
    })
    expect(await authenticator.authenticate(other.text)).toMatchObject({ sealedOnly: true })
  })

  test('a look-up that a revocation overtook brings the key to no later request', async () => {
    const { account, key } = await openAccount(deps, await statement())
    const found = Promise.withResolvers<void>()
    const shown = Promise.withResolvers<void>()
    const slow: Ledger = {
      commit: async (ops) => {
        const results = await ledger.commit(ops)
        found.resolve()
        await shown.promise
        return results
      },
    }
    const { hashes } = nodeProvider
    const late = createAuthenticator({ ledger: slow, hashes, secret: SECRET, clock: () => now })
    const underWay = late.authenticate(key.text)
    await found.promise
    await revokeKey({ ...deps, forget: (id) => late.forget(id) }, account, key.id)
    shown.resolve()
    // Asked before it was revoked.
    expect(await underWay).toMatchObject({ key: key.id })
    await expect(async () => late.authenticate(key.text)).rejects.toMatchObject({
      code: 'revoked_key',
    })
  })

  test('a clock that is set back keeps no key for longer', async () => {
    const { key } = await openAccount(deps, await statement())
    await authenticator.authenticate(key.text)
    const before = commits
    now = unixMs(now - 60_000)
    await authenticator.authenticate(key.text)
    expect(commits).toBe(before + 1)
  })

  test('a key ends at its time, cached or not', async () => {
    const { account } = await openAccount(deps, await statement())
    const wishes = { ...FIRST_KEY, expires: unixMs(NOW + 2_000) }
    const key = await issueKey(deps, account, wishes)
    await authenticator.authenticate(key.text)
    now = unixMs(NOW + 2_000)
    await expect(authenticator.authenticate(key.text)).rejects.toMatchObject({
      code: 'expired_key',
    })
  })

  test('lists show names and masks, never hashes or texts', async () => {
    const { account, key } = await openAccount(deps, await statement())
    await changeKey(deps, account, { id: key.id, name: 'laptop' })
    const [listed, ...others] = await listKeys(deps, account)
    expect(others).toEqual([])
    expect(listed).toMatchObject({ name: 'laptop', masked: `sk-coc-…${key.text.slice(-4)}` })
    const shown = JSON.stringify(listed)
    expect(shown).not.toContain(key.text)
    expect(shown).not.toMatch(/[0-9a-f]{64}/)
  })
})
