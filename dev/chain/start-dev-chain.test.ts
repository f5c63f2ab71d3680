import { keyPairFromSeed } from '@ton/crypto'
import {
  Address,
  Cell,
  comment,
  external,
  internal,
  loadTransaction,
  SendMode,
  TonClient,
  toNano,
  WalletContractV4,
} from '@ton/ton'
import { afterEach, expect, test } from 'vitest'
import { unixMs } from '#base/brand.ts'
import { type DevRpc, devRpc } from './dev-rpc.ts'
import { type DevChain, type DevChainOptions, startDevChain } from './start-dev-chain.ts'
import { openDevWallet } from './wallet.ts'

const START = 1_800_000_000
const RECEIVER = new Address(0, Buffer.alloc(32, 7))

let open: DevChain | undefined
afterEach(() => open?.close())

async function world(
  options: DevChainOptions = {},
): Promise<{ dev: DevChain; client: TonClient; rpc: DevRpc }> {
  const dev = await startDevChain({ clock: () => unixMs(START * 1000), ...options })
  open = dev
  return {
    dev,
    client: new TonClient({ endpoint: dev.endpoint }),
    rpc: devRpc(dev.endpoint, fetch),
  }
}

function status(error: unknown): unknown {
  // Sound for this test: TonClient surfaces axios errors, which carry the response.
  return (error as { response?: { status?: number } }).response?.status
}

test('a wallet deploys itself with its first transfer and its comment arrives', async () => {
  const { dev, client } = await world()
  const wallet = openDevWallet(dev.endpoint, 'alice')
  await wallet.fund('10')
  await wallet.transfer({ to: RECEIVER, value: toNano('1.5'), comment: 'hello', bounce: false })
  expect(await client.getBalance(RECEIVER)).toBe(toNano('1.5'))
  expect(await client.isContractDeployed(wallet.address)).toBe(true)
  const [arrival] = await client.getTransactions(RECEIVER, { limit: 10, archival: true })
  expect(arrival?.inMessage?.body.equals(comment('hello'))).toBe(true)
  expect(String(arrival?.inMessage?.info.src)).toBe(wallet.address.toString())
  expect(arrival?.now).toBe(START)
})

test('pages run newest to oldest over an unbroken chain of lt and hash', async () => {
  const { client, rpc } = await world()
  const address = RECEIVER.toString({ bounceable: false })
  for (let i = 0; i < 7; i++) await rpc.faucet({ address, amount: '0.1', comment: `memo ${i}` })
  const state = await client.getContractState(RECEIVER)
  let anchor = state.lastTransaction
  const seen: string[] = []
  while (anchor !== null) {
    const page = await client.getTransactions(RECEIVER, { limit: 3, inclusive: true, ...anchor })
    for (const transaction of page) {
      expect(anchor).toEqual({
        lt: transaction.lt.toString(),
        hash: transaction.hash().toString('base64'),
      })
      seen.push(transaction.inMessage?.body.beginParse().skip(32).loadStringTail() ?? '')
      const hash = Buffer.from(
        transaction.prevTransactionHash.toString(16).padStart(64, '0'),
        'hex',
      )
      anchor =
        transaction.prevTransactionLt === 0n
          ? null
          : { lt: transaction.prevTransactionLt.toString(), hash: hash.toString('base64') }
    }
  }
  expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map((i) => `memo ${i}`))
})

test('a cursor that is not on the chain is an error, not an empty page', async () => {
  const { client, rpc } = await world()
  await rpc.faucet({ address: RECEIVER.toRawString(), amount: '1', bounce: false })
  const hash = Buffer.alloc(32).toString('base64')
  const wrong = client.getTransactions(RECEIVER, { limit: 3, lt: '12345', hash })
  expect(status(await wrong.catch((error: unknown) => error))).toBe(500)
})

test('a replayed or expired transfer is refused as by a real node', async () => {
  const { client, rpc } = await world()
  const keys = keyPairFromSeed(Buffer.alloc(32, 3))
  const wallet = client.open(WalletContractV4.create({ workchain: 0, publicKey: keys.publicKey }))
  await rpc.faucet({ address: wallet.address.toString({ bounceable: false }), amount: '5' })
  const transfer = (seqno: number, timeout: number) =>
    wallet.createTransfer({
      seqno,
      timeout,
      secretKey: keys.secretKey,
      sendMode: SendMode.PAY_GAS_SEPARATELY,
      messages: [internal({ to: RECEIVER, value: toNano('1'), bounce: false })],
    })
  const first = transfer(0, START + 60)
  await wallet.send(first)
  const late = transfer(1, START + 60)
  expect(status(await wallet.send(first).catch((error: unknown) => error))).toBe(500)
  await rpc.advance(120)
  expect(status(await wallet.send(late).catch((error: unknown) => error))).toBe(500)
  expect(await client.getBalance(RECEIVER)).toBe(toNano('1'))
  expect(await wallet.getSeqno()).toBe(1)
})

test('blocks, shards and both ways to locate a transaction answer in the shapes TonClient checks', async () => {
  const { dev, client } = await world()
  const wallet = openDevWallet(dev.endpoint, 'bob')
  await wallet.fund('3')
  await wallet.transfer({ to: RECEIVER, value: 1_000_000n, bounce: false })
  const { latestSeqno } = await client.getMasterchainInfo()
  const [shard] = await client.getWorkchainShards(latestSeqno)
  const short = await client.getShardTransactions(0, latestSeqno, shard?.shard ?? '')
  expect(short.map((item) => item.account.toRawString())).toEqual([
    wallet.address.toRawString(),
    RECEIVER.toRawString(),
  ])
  const [arrival] = await client.getTransactions(RECEIVER, { limit: 1 })
  const info = arrival?.inMessage?.info
  if (arrival === undefined || info?.type !== 'internal') throw new Error('no arrival')
  const lt = info.createdLt.toString()
  const source = await client.tryLocateSourceTx(wallet.address, RECEIVER, lt)
  const result = await client.tryLocateResultTx(wallet.address, RECEIVER, lt)
  expect(source.outMessagesCount).toBe(1)
  expect(result.hash()).toEqual(arrival.hash())
  expect(
    (
      await client.getTransaction(
        RECEIVER,
        arrival.lt.toString(),
        arrival.hash().toString('base64'),
      )
    )?.lt,
  ).toBe(arrival.lt)
})

test('an estimate changes nothing', async () => {
  const { client, rpc } = await world()
  const keys = keyPairFromSeed(Buffer.alloc(32, 3))
  const wallet = client.open(WalletContractV4.create({ workchain: 0, publicKey: keys.publicKey }))
  await rpc.faucet({ address: wallet.address.toString({ bounceable: false }), amount: '5' })
  const body = wallet.createTransfer({
    seqno: 0,
    timeout: START + 60,
    secretKey: Buffer.alloc(64),
    sendMode: SendMode.PAY_GAS_SEPARATELY,
    messages: [internal({ to: RECEIVER, value: toNano('1'), bounce: false })],
  })
  const fees = await client.estimateExternalMessageFee(wallet.address, {
    body,
    initCode: wallet.init.code,
    initData: wallet.init.data,
    ignoreSignature: true,
  })
  expect(fees.source_fees.gas_fee).toBeGreaterThan(0)
  expect(await client.getBalance(RECEIVER)).toBe(0n)
  expect(await client.getBalance(wallet.address)).toBe(toNano('5'))
})

test('a rate limit and an outage strike as often as told, then end', async () => {
  const { dev, client } = await world()
  dev.faults.rateLimited = 1
  dev.faults.unavailable = 2
  const statuses: unknown[] = []
  for (let i = 0; i < 4; i++) {
    statuses.push(await client.getBalance(RECEIVER).catch(status))
  }
  expect(statuses).toEqual([429, 503, 503, 0n])
})

test('dropped, duplicated and unanswered sends: only the chain tells what happened', async () => {
  const { dev, client } = await world()
  const wallet = openDevWallet(dev.endpoint, 'carol')
  await wallet.fund('10')
  const pay = () => wallet.transfer({ to: RECEIVER, value: toNano('1'), bounce: false })
  dev.faults.dropSends = 1
  await pay()
  expect(await client.getBalance(RECEIVER)).toBe(0n)
  dev.faults.duplicateSends = 1
  await pay()
  expect(await client.getBalance(RECEIVER)).toBe(toNano('1'))
  dev.faults.loseReplies = 1
  expect(status(await pay().catch((error: unknown) => error))).toBe(503)
  expect(await client.getBalance(RECEIVER)).toBe(toNano('2'))
})

test('a lagging provider shows one consistent past: history, balance and block number', async () => {
  const { dev, client, rpc } = await world()
  const address = RECEIVER.toString({ bounceable: false })
  for (let i = 0; i < 3; i++) await rpc.faucet({ address, amount: '1' })
  const fresh = new TonClient({ endpoint: (await dev.serve()).endpoint })
  dev.faults.lagBlocks = 2
  expect(await client.getBalance(RECEIVER)).toBe(toNano('1'))
  expect(await client.getTransactions(RECEIVER, { limit: 10 })).toHaveLength(1)
  const behind = (await client.getMasterchainInfo()).latestSeqno
  expect((await fresh.getMasterchainInfo()).latestSeqno).toBe(behind + 2)
  expect(await fresh.getBalance(RECEIVER)).toBe(toNano('3'))
})

test('a stale provider stands still in block number and in time', async () => {
  const { client, rpc } = await world()
  await rpc.fault({ stale: true })
  await rpc.faucet({ address: RECEIVER.toString({ bounceable: false }), amount: '1' })
  await rpc.advance(500)
  expect((await client.getContractState(RECEIVER)).timestampt).toBe(START)
  expect(await client.getBalance(RECEIVER)).toBe(0n)
  await rpc.fault({ stale: false })
  expect((await client.getContractState(RECEIVER)).timestampt).toBe(START + 500)
  expect(await client.getBalance(RECEIVER)).toBe(toNano('1'))
})

test('a fork shares the past and disagrees about everything after it', async () => {
  const { dev, client, rpc } = await world()
  const address = RECEIVER.toString({ bounceable: false })
  await rpc.faucet({ address, amount: '1' })
  const liar = await dev.fork()
  await devRpc(liar.endpoint, fetch).faucet({ address, amount: '1000' })
  await rpc.faucet({ address, amount: '2' })
  const other = new TonClient({ endpoint: liar.endpoint })
  expect(await client.getBalance(RECEIVER)).toBe(toNano('3'))
  expect(await other.getBalance(RECEIVER)).toBe(toNano('1001'))
  const [honest, forged] = await Promise.all(
    [client, other].map((one) => one.getTransactions(RECEIVER, { limit: 2 })),
  )
  expect(honest?.[1]?.hash()).toEqual(forged?.[1]?.hash())
  expect(honest?.[0]?.hash()).not.toEqual(forged?.[0]?.hash())
})

test('with a block interval a transfer waits for its block and a bad one vanishes', async () => {
  const { client, rpc, dev } = await world({ blockMs: 3_600_000 })
  const wallet = openDevWallet(dev.endpoint, 'dave')
  await wallet.fund('5')
  await wallet.transfer({ to: RECEIVER, value: toNano('1'), bounce: false })
  await client.sendMessage(external({ to: wallet.address, body: Cell.EMPTY }))
  expect(await client.getBalance(RECEIVER)).toBe(0n)
  await rpc.mine()
  expect(await client.getBalance(RECEIVER)).toBe(toNano('1'))
})

test('the bytes of a transaction parse back to the hash that was announced', async () => {
  const { dev, rpc } = await world()
  await rpc.faucet({ address: RECEIVER.toString({ bounceable: false }), amount: '1' })
  const [stored] = dev.chain.history.transactionsOf(RECEIVER.toRawString(), Number.MAX_SAFE_INTEGER)
  expect(stored && loadTransaction(stored.transaction.raw.beginParse()).hash()).toEqual(
    stored?.hash,
  )
})
