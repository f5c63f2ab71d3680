import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { nano } from '#base/nano.ts'
import { Payer, until } from '../support/account.ts'
import { auditFindings } from '../support/books.ts'
import { type Crowd, type Member, openCrowd } from '../support/crowd/open-crowd.ts'
import { openAgent, type Streamed, streamChat } from '../support/crowd/stream-chat.ts'
import { awaitAvailable } from '../support/real-runner.ts'
import { costOf, usageOf } from '../support/stranger.ts'

/**
 * Ten thousand accounts, two hundred runners, two thousand streams that are all open at once; while they are, nearly all of the
 * other accounts ask for one short answer each (a few do before, as a warm-up). Figures are printed; only completion and bills are asserted.
 */
const ACCOUNTS = 10_000
const STREAMS = 2_000
const RUNNERS = 200
const LONG_TOKENS = 120
/** One token a second: long enough that the last has begun before the first ends. */
const LONG = `c${LONG_TOKENS}g1000`
const SHORT_TOKENS = 3
const SHORT = `c${SHORT_TOKENS}g0`
const SHORT_AT_ONCE = 64
const READ_AT_ONCE = 32
const FUNDS = nano(1_000_000_000n)

let crowd: Crowd

beforeAll(async () => {
  crowd = await openCrowd({
    accounts: ACCOUNTS,
    funds: FUNDS,
    runners: RUNNERS,
    processes: 4,
    capacity: 16,
  })
  await awaitAvailable(crowd.origin, RUNNERS)
}, 600_000)
afterAll(() => crowd?.close())

test('10,000 accounts, 200 runners and 2,000 streams at once: every stream ends whole, every bill equals its receipt', async () => {
  const agent = openAgent()
  const ask = (member: Member, script: string, onFirstToken = () => {}): Promise<Streamed> =>
    streamChat({ origin: crowd.origin, key: member.key, script, agent, onFirstToken })
  const [holders, others] = [crowd.members.slice(0, STREAMS), crowd.members.slice(STREAMS)]

  // Code and pools are warm before memory is compared.
  const [early, late] = [others.slice(0, 500), others.slice(500)]
  const warm = await inTurns(early, SHORT_AT_ONCE, (member) => ask(member, SHORT))
  const before = residentMib(crowd.gatewayPid)

  let open = 0
  let ended = 0
  let most = 0
  let atPeak = 0
  let allOpen = (): void => {}
  const opened = new Promise<void>((resolve) => {
    allOpen = resolve
  })
  const began = performance.now()
  const streams = holders.map(async (member) => {
    const streamed = await ask(member, LONG, () => {
      open++
      most = Math.max(most, open - ended)
      if (open - ended < STREAMS) return
      atPeak = residentMib(crowd.gatewayPid)
      allOpen()
    })
    ended++
    return streamed
  })
  const whole = Promise.all(streams)
  await Promise.race([opened, whole])
  const openedMs = performance.now() - began
  const meanwhile = await inTurns(late, SHORT_AT_ONCE, (member) => ask(member, SHORT))
  const duringMs = performance.now() - began - openedMs
  const streamsLeft = STREAMS - ended
  const long = await whole
  agent.destroy()

  report(
    [
      `${most} streams open at once, all ${(openedMs / 1000).toFixed(1)} s after the first was asked for`,
      `first token of the ${STREAMS} that began together: ${spread(long)}`,
      `first token of the ${late.length} short ones, ${SHORT_AT_ONCE} at once beside them: ${spread(meanwhile)}`,
      `they took ${(duringMs / 1000).toFixed(1)} s; ${streamsLeft} streams were still open after the last`,
      `gateway: ${before} MiB before, ${atPeak} MiB with ${most} streams: ${(((atPeak - before) * 1024) / STREAMS).toFixed(1)} KiB a stream`,
    ].join('\n'),
  )

  const answers = [...long, ...warm, ...meanwhile]
  const members = [...holders, ...early, ...late]
  expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  expect(answers.filter(({ costNano }) => costNano === undefined)).toEqual([])
  expect(most).toBe(STREAMS)

  const holds = () => crowd.ledger.commit([{ op: 'audit' }])
  await until('settled books', holds, ([{ broken }]) => broken.length === 0)
  const bills = await inTurns(members, READ_AT_ONCE, async (member, at) =>
    billOf(member, answers[at]),
  )
  const wrong = bills.filter(
    ({ told, receipt, recomputed, settled, gone, tokens, held }, at) =>
      told !== receipt ||
      recomputed !== receipt ||
      settled !== receipt ||
      gone !== receipt ||
      held !== 0n ||
      tokens !== (at < STREAMS ? LONG_TOKENS : SHORT_TOKENS),
  )
  expect(wrong).toEqual([])
  expect(new Set(answers.map(({ receiptId }) => receiptId)).size).toBe(ACCOUNTS)
  expect(await auditFindings(crowd.origin, crowd.adminKey)).toEqual([])
  report(`${bills.length} bills equal their receipts to the nanoTON`)
})

/** What one answer cost, by everybody who says so. */
async function billOf(member: Member, answer: Streamed | undefined) {
  const payer = new Payer(crowd.origin, member.key, member.id)
  const usage = usageOf(await payer.receipt(answer?.receiptId ?? ''))
  const account = await payer.until('its receipt', ({ held }) => held === 0n)
  return {
    told: answer?.costNano,
    receipt: BigInt(usage.cost),
    recomputed: costOf(usage),
    tokens: usage.completion_tokens,
    settled: account.settled,
    gone: FUNDS - account.available,
    held: account.held,
  }
}

/** All of them, so many at a time, in order. */
async function inTurns<In, Out>(
  items: readonly In[],
  atOnce: number,
  work: (item: In, at: number) => Promise<Out>,
): Promise<readonly Out[]> {
  const results: Out[] = []
  const entries = items.entries()
  const lane = async (): Promise<void> => {
    for (const [at, item] of entries) results[at] = await work(item, at)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return results
}

function spread(answers: readonly Streamed[]): string {
  const times = answers.map(({ firstTokenMs }) => firstTokenMs).sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor((times.length - 1) * share)] ?? 0
  const ms = (share: number): string => `${at(share).toFixed(0)} ms`
  const ratio = (at(1) / at(0.5)).toFixed(1)
  return `median ${ms(0.5)}, 99 % ${ms(0.99)}, slowest ${ms(1)} (${ratio} times the median)`
}

/** @see proc(5), /proc/pid/status */
function residentMib(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kib) / 1024)
}

function report(text: string): void {
  process.stdout.write(`${text}\n`)
}
