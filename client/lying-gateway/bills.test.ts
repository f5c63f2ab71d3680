import { describe, expect, test } from 'vitest'
import { nano, nanoPerMillion } from '#base/nano.ts'
import { newAccountOwner } from '../account-owner.ts'
import { createChequeBook } from '../money/cheque-book.ts'
import { topUpLink } from '../money/top-up-link.ts'
import { ask, codeOf, runner, useWorld } from '../testing/lied-to.ts'
import { TILL } from '../testing/lying-gateway.ts'
import { makeRunner, random } from '../testing/test-runner.ts'

const lied = useWorld()

describe('receipts and bills', () => {
  const dear = {
    input: nanoPerMillion(2_000_000n),
    cached: nanoPerMillion(500_000n),
    output: nanoPerMillion(2_000_000n),
  }
  test.each<[string, string, object]>([
    ['no receipt', 'receipt_mismatch', { withoutReceipt: true }],
    [
      'a receipt for another endpoint',
      'receipt_mismatch',
      { receipt: (r: object) => ({ ...r, endpoint: '/v1/embeddings' }) },
    ],
    [
      'a receipt of last week',
      'receipt_mismatch',
      { receipt: (r: { served_at: number }) => ({ ...r, served_at: r.served_at - 604_800 }) },
    ],
    [
      'more prompt tokens than the prompt has bytes',
      'bill_implausible',
      { usage: { prompt_tokens: 1_000_000 } },
    ],
    [
      'more tokens than the answer has bytes',
      'bill_implausible',
      { usage: { completion_tokens: 100_000 } },
    ],
    ['a higher price than was offered', 'bill_implausible', { usage: { price: dear } }],
  ])('%s: %s', async (_, code, behaviour) => {
    runner().behaviour = behaviour
    const cocoon = await lied.world.connect()
    const response = await ask(cocoon)
    expect(await codeOf(Promise.resolve(response))).toBe(code)
    await expect(cocoon.receiptOf(response)).rejects.toMatchObject({ code })
  })

  test('more than maxCost is refused', async () => {
    runner().behaviour = { usage: { completion_tokens: 50 } }
    const cocoon = await lied.world.connect({ maxCost: nano(20n) })
    expect(await codeOf(ask(cocoon))).toBe('bill_implausible')
  })

  test('a valid receipt of another answer', async () => {
    const cocoon = await lied.world.connect()
    const kept: unknown[] = []
    // Sound: the test's runner hands the whole receipt through.
    runner().behaviour = {
      receipt: (receipt) => {
        kept.push(receipt)
        return (kept[0] ?? receipt) as typeof receipt
      },
    }
    expect(await codeOf(ask(cocoon))).toBe('no error')
    expect(await codeOf(ask(cocoon))).toBe('receipt_mismatch')
  })

  test('a receipt under a key that nobody attested', async () => {
    const { forge, clock } = lied.world
    const other = await makeRunner({ forge, clock, id: 'run_1' })
    const { signer } = runner()
    // Sound: the test replaces a read-only member of its own object.
    ;(runner() as { signer: typeof signer }).signer = { ...other.signer, keyId: signer.keyId }
    expect(await codeOf(ask(await lied.world.connect()))).toBe('receipt_mismatch')
  })

  test('an address that somebody tells outside the seal is never passed on', async () => {
    const account = '0'.repeat(32)
    const phish = {
      error: { code: 'insufficient_credits', message: 'pay to EQEVIL', top_up_url: 'ton://EQEVIL' },
    }
    lied.world.lies = { instead: () => Response.json(phish, { status: 402 }) }
    const response = await ask(
      await lied.world.connect({ apiKey: `sk-coc-${account}-x`, till: TILL }),
    )
    expect(response.status).toBe(402)
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(await response.text()).not.toContain('EVIL')
  })
})

test('a top-up link names our own memo, and a Till only if the Registry lists it (M5)', async () => {
  const { id } = await newAccountOwner({ mode: 'managed', random })
  const cocoon = await lied.world.connect({ apiKey: `sk-coc-${id}-SECRET` })
  const instead = () => Response.json({ error: { code: 'insufficient_credits' } }, { status: 402 })
  lied.world.lies = { instead }
  const honest = await (await ask(cocoon)).json()
  expect(honest.error.top_up_url).toBe(topUpLink({ till: TILL, account: id }))
  const other = { address: `0:${'bb'.repeat(32)}` }
  lied.world.lies = { instead, json: (path) => (path === '/v1/till' ? other : undefined) }
  expect((await (await ask(cocoon)).json()).error).not.toHaveProperty('top_up_url')
})

test('a sovereign account pays by cheque what its own receipts add up to, and sends the prompt again', async () => {
  const owner = await newAccountOwner({ mode: 'sovereign', random })
  const saved: bigint[] = []
  const save = async (cumulative: bigint) => void saved.push(cumulative)
  const cheques = createChequeBook({ owner, till: TILL, feeBps: 0, start: nano(0n), save })
  const cocoon = await lied.world.connect({ apiKey: `sk-coc-${owner.id}-SECRET`, cheques })
  const first = await ask(cocoon)
  await first.text()
  const cost = (await cocoon.receiptOf(first))?.cost
  let asked = 0
  lied.world.lies = {
    instead: () =>
      asked++ === 0
        ? Response.json({ error: { code: 'cheque_due', due: '999999' } }, { status: 402 })
        : undefined,
    json: (path) => (path === '/v1/account/cheques' ? { ok: true } : undefined),
  }
  expect(await codeOf(ask(cocoon))).toBe('no error')
  expect(saved).toEqual([cost])
  const posted = lied.world.seen.find((text) => text.startsWith('{"till"')) ?? ''
  expect(JSON.parse(posted)).toMatchObject({ account: owner.id, cumulative: String(cost) })
})

test('a gateway that wants a cheque for nothing gets none', async () => {
  const due = { error: { code: 'cheque_due' } }
  lied.world.lies = { instead: () => Response.json(due, { status: 402 }) }
  expect(await codeOf(ask(await lied.world.connect()))).toBe('cheque_due')
  expect(lied.world.sent).toHaveLength(1)
})
