import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accountIdOf } from '#contracts/pure'
import { nodeProvider } from '#protocol/node'
import { type TestWallet, testWallet } from '../accounts/testing/wallets.ts'
import {
  hexOf,
  randomBytes,
  startTestWorld,
  type TestAccount,
  type TestWorld,
} from '../testing/world.ts'

/** A wallet that signs in to an account: by its own proof, and by the word of the account’s admin. */
let world: TestWorld
beforeAll(async () => {
  world = await startTestWorld()
})
afterAll(async () => {
  await world?.close()
})

function call(method: string, path: string, key?: string, body?: unknown): Promise<Response> {
  return fetch(world.gateway.origin + path, {
    method,
    headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
}

// biome-ignore lint/suspicious/noExplicitAny: tests read arbitrary members of answers
async function json(response: Promise<Response>): Promise<any> {
  return (await response).json()
}

async function codeOf(response: Promise<Response>): Promise<[number, string | null]> {
  const answer = await response
  const { error } = await answer.json()
  return [answer.status, error.code]
}

const challenge = (asked: object) => json(call('POST', '/v1/auth/challenge', undefined, asked))
const now = (): number => Math.floor(Date.now() / 1000)

/** What the page hands over: a proof over what the gateway asked for. */
async function prove(wallet: TestWallet, asked: object, changes: object = {}) {
  const { nonce, ton_proof } = await challenge(asked)
  return { nonce, ton_proof: wallet.prove({ ...ton_proof, timestamp: now(), ...changes }) }
}

const session = (body: object): Promise<Response> =>
  call('POST', '/v1/auth/session', undefined, body)

async function link(account: TestAccount, wallet: TestWallet): Promise<Response> {
  const body = await prove(wallet, { account: account.id, purpose: 'link_wallet' })
  return call('POST', '/v1/account/wallets', account.key, body)
}

describe('a linked wallet', () => {
  test('signs in without knowing the account, to a session that manages it', async () => {
    const account = await world.account(1n)
    const wallet = testWallet()
    expect(await json(link(account, wallet))).toMatchObject({ address: wallet.address })
    const opened = await json(session(await prove(wallet, {})))
    expect(opened.account).toBe(account.id)
    const listed = await json(call('GET', '/v1/account/wallets', opened.token))
    expect(listed.data).toMatchObject([{ object: 'wallet', address: wallet.address }])
    // Also where the account is named.
    const named = { account: account.id }
    const body = { ...named, ...(await prove(wallet, named)) }
    expect((await session(body)).status).toBe(200)
  })

  test('signs in no more once it was taken away, and a nonce works once, also after a restart', async () => {
    const account = await world.account(1n)
    const wallet = testWallet()
    await link(account, wallet)
    const body = await prove(wallet, {})
    expect((await session(body)).status).toBe(200)
    await world.restart()
    expect(await codeOf(session(body))).toEqual([400, 'invalid_request'])
    const path = `/v1/account/wallets/${wallet.address}`
    expect((await call('DELETE', path, account.key)).status).toBe(204)
    expect(await codeOf(call('DELETE', path, account.key))).toEqual([404, null])
    expect(await codeOf(session(await prove(wallet, {})))).toEqual([404, 'account_not_found'])
    const named = { account: account.id }
    const late = { ...named, ...(await prove(wallet, named)) }
    expect(await codeOf(session(late))).toEqual([403, 'signature_invalid'])
  })

  test('that is linked to another account is signed in there, by a nonce made since', async () => {
    const [first, second] = [await world.account(1n), await world.account(1n)]
    const wallet = testWallet()
    await link(first, wallet)
    const early = await prove(wallet, {})
    // Times are told in seconds.
    await expect.poll(now, { timeout: 10_000 }).toBeGreaterThan(early.ton_proof.proof.timestamp)
    await link(second, wallet)
    expect(await codeOf(session(early))).toEqual([400, 'invalid_request'])
    const { account } = await json(session(await prove(wallet, {})))
    expect(account).toBe(second.id)
    await call('DELETE', `/v1/account/wallets/${wallet.address}`, second.key)
    expect((await json(session(await prove(wallet, {})))).account).toBe(first.id)
  })

  test('is one of ten at most', async () => {
    const account = await world.account(1n)
    for (let i = 0; i < 10; i++) expect((await link(account, testWallet())).status).toBe(201)
    expect(await codeOf(link(account, testWallet()))).toEqual([409, 'conflict'])
  })
})

describe('nobody', () => {
  test('is led to an account that only names their wallet as its owner (C2)', async () => {
    const wallet = testWallet()
    const keys = { owner: wallet.address, ownerKey: null, spendKey: null, salt: randomBytes(16) }
    const sha256 = async (bytes: Uint8Array) => nodeProvider.hashes.sha256(bytes)
    const id = await accountIdOf(keys, 'managed', sha256)
    const opened = await call('POST', '/v1/accounts', undefined, {
      keys: { owner: wallet.address, salt: hexOf(keys.salt) },
      mode: 'managed',
      issued_at: now(),
      nonce: hexOf(randomBytes(16)),
    })
    expect(opened.status).toBe(201)
    expect(await codeOf(session(await prove(wallet, {})))).toEqual([404, 'account_not_found'])
    // Whoever knows the account and owns the wallet gets in.
    const named = { ...(await prove(wallet, { account: id })), account: id }
    expect((await session(named)).status).toBe(200)
  })

  test('links or signs in with a proof of another purpose, account, site, time or wallet (M17)', async () => {
    const account = await world.account(1n)
    const other = await world.account(1n)
    const wallet = testWallet()
    const link = (body: object) => call('POST', '/v1/account/wallets', account.key, body)
    const purpose = 'link_wallet'
    const wrong = [403, 'signature_invalid']
    const signIn = await prove(wallet, { account: account.id })
    expect(await codeOf(link(signIn))).toEqual(wrong)
    const phished = { domain: 'phish.example' }
    const asked = { account: account.id, purpose }
    expect(await codeOf(link(await prove(wallet, asked, phished)))).toEqual(wrong)
    const old = { timestamp: now() - 301 }
    expect(await codeOf(link(await prove(wallet, asked, old)))).toEqual([400, 'invalid_request'])
    const others = await prove(wallet, { account: other.id, purpose })
    expect(await codeOf(link(others))).toEqual([400, 'invalid_request'])
    const stolen = await prove(wallet, asked)
    const thief = { ...stolen.ton_proof, address: testWallet().address }
    expect(await codeOf(link({ ...stolen, ton_proof: thief }))).toEqual(wrong)
    expect((await link(stolen)).status).toBe(201)
    // The proof that linked it signs nobody in.
    expect(await codeOf(session(stolen))).toEqual([400, 'invalid_request'])
    expect(await codeOf(session({ ...stolen, account: account.id }))).toEqual(wrong)
  })

  test('lists, links or takes away with an inference key, or signs in without a proof', async () => {
    const account = await world.account(1n)
    const { key } = await json(call('POST', '/v1/keys', account.key, {}))
    const wallet = testWallet()
    const body = await prove(wallet, { account: account.id, purpose: 'link_wallet' })
    const path = `/v1/account/wallets/${wallet.address}`
    for (const asked of [
      call('GET', '/v1/account/wallets', key),
      call('POST', '/v1/account/wallets', key, body),
      call('DELETE', path, key),
    ]) {
      expect(await codeOf(asked)).toEqual([403, 'admin_key_required'])
    }
    const { nonce } = await challenge({})
    expect(await codeOf(session({ nonce }))).toEqual([403, 'signature_invalid'])
    expect(await codeOf(call('DELETE', '/v1/account/wallets/x', account.key))).toEqual([
      400,
      'invalid_request',
    ])
    const nowhere = { purpose: 'link_wallet' }
    expect(await codeOf(call('POST', '/v1/auth/challenge', undefined, nowhere))).toEqual([
      400,
      'invalid_request',
    ])
  })
})
