import { listMember, member, numberMember, textMember } from '#base/members.ts'
import { type Nano, nano, parseNano } from '#base/nano.ts'

/** What the gateway's API says, as far as the pages show it. Members that are absent are shown as unknown. */
export interface ModelView {
  readonly id: string
  readonly name: string
  readonly demonstration: boolean
  readonly contextLength: number | undefined
  readonly maxOutputTokens: number | undefined
  /** NanoTON per million tokens. */
  readonly input: Nano
  readonly cached: Nano
  readonly output: Nano
  readonly modes: readonly string[]
  readonly attestation: readonly string[]
  readonly tee: readonly string[]
  readonly runners: number
}

export interface RunnerView {
  readonly id: string
  readonly model: string
  readonly payee: string
  readonly state: string
  readonly available: boolean
  readonly session: string
  readonly expires: number
  readonly status: string
  readonly technology: string
  readonly image: string
  readonly tcb: string
  readonly gpus: readonly string[]
  readonly appraised: number
  readonly capacity: number
  readonly input: Nano
  readonly output: Nano
  /** What the gateway measured itself; absent members were not measured yet. */
  readonly performance: {
    readonly firstByteMs: number | undefined
    readonly tokensPerSecond: number | undefined
    /** Asked nothing for a while, since it failed. */
    readonly rests: boolean
    readonly inFlight: number
  }
  readonly record: TrackRecord
}

/** How a runner did lately, as the gateway counted it. */
export interface TrackRecord {
  /** 0 to 1, of the last day and the last week; absent before the gateway has looked. */
  readonly dayUp: number | undefined
  readonly weekUp: number | undefined
  /** Requests of the last week; absent where they are not counted. */
  readonly answered: number | undefined
  readonly rejected: readonly (readonly [reason: string, count: number])[]
}

export function readModels(json: unknown): readonly ModelView[] {
  return listMember(json, 'data').map((entry) => {
    const pricing = member(entry, 'pricing')
    const confidentiality = member(entry, 'confidentiality')
    const id = textMember(entry, 'id') ?? ''
    return {
      id,
      name: textMember(entry, 'name') ?? id,
      demonstration: member(entry, 'demonstration') === true,
      contextLength: numberMember(entry, 'context_length'),
      maxOutputTokens: numberMember(entry, 'max_output_tokens'),
      input: amount(pricing, 'input_nano_per_million'),
      cached: amount(pricing, 'cached_nano_per_million'),
      output: amount(pricing, 'output_nano_per_million'),
      modes: texts(confidentiality, 'modes'),
      attestation: texts(confidentiality, 'attestation'),
      tee: texts(confidentiality, 'tee'),
      runners: numberMember(entry, 'runners') ?? 0,
    }
  })
}

export function readRunners(json: unknown): readonly RunnerView[] {
  return listMember(json, 'data').map((entry) => {
    const pricing = member(entry, 'pricing')
    const attestation = member(entry, 'attestation')
    const performance = member(entry, 'performance')
    const record = readTrackRecord(member(entry, 'track_record'))
    // Until there was a request these are what an unknown runner is taken for.
    const isMeasured = (record.answered ?? 0) > 0
    return {
      id: textMember(entry, 'id') ?? '',
      model: textMember(entry, 'model') ?? '',
      payee: textMember(entry, 'payee') ?? '',
      state: textMember(entry, 'state') ?? '',
      available: member(entry, 'available') === true,
      session: textMember(entry, 'session_id') ?? '',
      expires: numberMember(entry, 'expires_at') ?? 0,
      status: textMember(attestation, 'status') ?? 'unknown',
      technology: textMember(attestation, 'technology') ?? '',
      image: textMember(attestation, 'image') ?? '',
      tcb: textMember(attestation, 'tcb') ?? '',
      gpus: listMember(attestation, 'gpus').map((gpu) => textMember(gpu, 'model') ?? ''),
      appraised: numberMember(attestation, 'appraised_at') ?? 0,
      capacity: numberMember(entry, 'capacity') ?? 0,
      input: amount(pricing, 'input_nano_per_million'),
      output: amount(pricing, 'output_nano_per_million'),
      performance: {
        firstByteMs: isMeasured ? numberMember(performance, 'first_byte_ms') : undefined,
        tokensPerSecond: isMeasured ? numberMember(performance, 'tokens_per_second') : undefined,
        rests: textMember(performance, 'circuit') === 'open',
        inFlight: numberMember(performance, 'in_flight') ?? 0,
      },
      record,
    }
  })
}

export function readTrackRecord(json: unknown): TrackRecord {
  const [day, week] = [member(json, 'day'), member(json, 'week')]
  const requests = member(week, 'requests')
  const rejected = member(requests, 'rejected') ?? {}
  return {
    dayUp: upShare(day),
    weekUp: upShare(week),
    answered: numberMember(requests, 'answered'),
    rejected: Object.keys(rejected).map((reason) => [reason, numberMember(rejected, reason) ?? 0]),
  }
}

function upShare(sums: unknown): number | undefined {
  const watched = numberMember(sums, 'watched_seconds') ?? 0
  return watched === 0 ? undefined : (numberMember(sums, 'up_seconds') ?? 0) / watched
}

/** Zero when it is absent or no amount. */
export function amount(value: unknown, name: string): Nano {
  try {
    return parseNano(textMember(value, name) ?? '')
  } catch {
    return nano(0n)
  }
}

export function texts(value: unknown, name: string): readonly string[] {
  return listMember(value, name).filter((entry) => typeof entry === 'string')
}
