import type { Claim } from '#attestation'
import type { ShownCheck } from '#client/documents'
import { receiptEvent } from '#protocol'
import type { CommandIo } from '../command.ts'
import type { Judgement } from './judge.ts'
import type { Loaded } from './loaded.ts'
import { printable } from './printable.ts'

const NAME_COLUMNS = 26
const LABEL_COLUMNS = 11

/** The verdict for people: every check, then what was attested, and the verdict last. */
export function printForPeople(io: CommandIo, loaded: Loaded, judgement: Judgement): void {
  const { checks, attested, claims, missing, status } = judgement
  const line = (label: string, text: string): void =>
    io.out(`${label.padEnd(LABEL_COLUMNS)}${printable(text)}`)
  line('document', loaded.about)
  for (const check of checks) printCheck(io, check)
  for (const { name, code } of missing) line('not had', `${name} (${code})`)
  if (attested !== undefined) {
    const unproven = claims === undefined ? ' (genuine, but not accepted)' : ''
    line('hardware', `${attested.technology} ${attested.tcb}${unproven}`)
    for (const id of attested.hardware) line('', id)
    for (const gpu of attested.gpus) {
      line('gpu', `${gpu.model}, driver ${gpu.driver}, VBIOS ${gpu.vbios}`)
    }
    line('image', `${attested.imageHash}${imageNote(judgement)}`)
    if (attested.advisories.length > 0) line('advisories', attested.advisories.join(', '))
  }
  if (claims !== undefined) {
    for (const [name, claim] of Object.entries(claims))
      line('claim', `${name}: ${claimText(claim)}`)
  }
  for (const [label, text] of receiptLines(loaded)) line(label, text)
  line('verdict', verdictText(judgement, checks))
  if (status === 'simulated') line('', 'simulated hardware: this proves nothing about any machine')
}

/** One line, and for a failure what to do. */
export function printCheck(io: CommandIo, check: ShownCheck): void {
  const name = check.id.padEnd(NAME_COLUMNS)
  if (check.status === 'pass') io.out(`  pass  ${check.id}`)
  else if (check.status === 'skip') io.out(printable(`  skip  ${name} (${check.reason})`))
  else {
    io.out(printable(`  FAIL  ${name} ${check.detail} [${check.code}]`))
    io.out(printable(`        remedy: ${check.remedy}`))
  }
}

function imageNote({ allowed, allowlist }: Judgement): string {
  if (allowlist !== undefined) return ` (${allowlist.source}, version ${allowlist.version})`
  return allowed === 'images' ? ' (pinned by --image)' : ' (not pinned)'
}

function claimText(claim: Claim | string): string {
  if (typeof claim === 'string') return claim
  return claim.source === null ? claim.status : `${claim.status} (${claim.source})`
}

function receiptLines({ receipt }: Loaded): readonly (readonly [string, string])[] {
  if (receipt === undefined) return []
  const usage = receiptEvent(receipt, 'usage.metered')
  if (usage === undefined) return [['receipt', `${receipt.model} at ${receipt.served_at}`]]
  const tokens = `${usage.prompt_tokens} + ${usage.completion_tokens} tokens`
  return [['receipt', `${receipt.model}, ${tokens}, ${usage.cost} nanoTON to ${usage.payee}`]]
}

function verdictText({ status, validUntil }: Judgement, checks: readonly ShownCheck[]): string {
  const count = (wanted: ShownCheck['status']): number =>
    checks.filter((check) => check.status === wanted).length
  const counts = `${count('pass')} passed, ${count('fail')} failed, ${count('skip')} skipped`
  const until =
    validUntil === undefined ? '' : `, until ${new Date(validUntil * 1000).toISOString()}`
  return `${status.toUpperCase()} (${counts})${until}`
}

/** The same as one JSON object. */
export function printForMachines(io: CommandIo, loaded: Loaded, judgement: Judgement): void {
  const { status, checks, claims, attested, validUntil, allowlist, allowed, missing } = judgement
  io.out(
    JSON.stringify({
      verdict: status,
      document: loaded.about,
      checks,
      claims,
      attested,
      valid_until: validUntil,
      allowlist:
        allowlist === undefined
          ? { source: allowed }
          : { source: allowlist.source, version: allowlist.version, read_at: allowlist.readAt },
      missing_collateral: missing,
      receipt_id: loaded.receipt?.receipt_id,
    }),
  )
}
