import { type Bytes, fromUtf8, utf8 } from '#base/bytes.ts'
import { nano, nanoPerMillion } from '#base/nano.ts'
import type { RunnerId, SessionId, TonAddress } from '#gateway/db/ids.ts'
import type { OutgoingRequest } from '#gateway/relay/ports.ts'
import {
  type Allowance,
  costOf,
  HEADER,
  jsonFrameBeforeReceipt,
  jsonReceiptFrame,
  type Keyset,
  keysetDigest,
  type MacKey,
  openAllowance,
  openRequest,
  ProtocolError,
  type Provider,
  type Receipt,
  ReplayGuard,
  type RunnerKeys,
  readEnvelope,
  receiptId,
  receiptJson,
  requestDigests,
  SessionTable,
  type Signer,
  signReceipt,
  sseReceiptFrame,
  Transcript,
  toProblem,
} from '#protocol'
import type { Dice } from './dice.ts'
import { keyHex, quickKey, quickSealingKey } from './quick-crypto.ts'

export const MODEL = 'simulated-model'

/** Answers stay shorter than they may be, so that many of them end. */
const MOST_MADE = 24

/** How a host may cheat. `none` is what most do. */
export const LIES = [
  'more tokens than allowed',
  'more tokens than served',
  'another price',
  'another payee',
  'a key of its own',
  'another answer',
  'another attempt',
  'no end',
  'no receipt',
] as const
export type Lie = (typeof LIES)[number] | 'none'

/** What a runner's answer is made of, in order. The last part ends it. */
export type Part =
  | { readonly kind: 'head'; readonly status: number; readonly headers: Headers }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'broken' }
type Headers = Readonly<Record<string, string>>

/** A receipt that waits in the outbox, with its reference. */
export interface Posted {
  readonly receipt: ReturnType<typeof receiptJson>
  readonly ref: string
  readonly id: string
}

/** What one keyset of a runner is. */
export interface Generation {
  readonly keyset: Keyset
  readonly digest: string
  readonly signer: Signer
  readonly session: SessionId
  readonly keys: RunnerKeys
  readonly allowances: MacKey
}

/** A receipt that a runner signed with its own attested key. */
export interface SignedReceipt {
  readonly runner: RunnerId
  readonly receipt: Receipt
  readonly lie: Lie
}

/** What a runner needs of its world. */
export interface RunnerWorld {
  readonly dice: Dice
  readonly provider: Provider<'sync'>
  readonly now: () => number
  /** A runner's memory of what it has seen, or what a negative control makes of it. */
  readonly sessions: (table: SessionTable) => SessionTable
  /** What a new process has of the old one's keys: nothing, but for a negative control. */
  readonly reborn: (generation: Generation | undefined) => Generation | undefined
  /** Everything that was ever signed with an attested key, by its signature. */
  readonly signed: Map<string, SignedReceipt>
  /** A runner works on this attempt now: at most once each. */
  readonly onServed: (runner: RunnerModel, allowance: Allowance) => void
}

/** An answer that is being made. */
export class Answer {
  readonly allowance: Allowance
  readonly #runner: RunnerModel
  /** The runner's process that makes it. */
  readonly #life: number
  readonly #parts: Iterator<Part>
  /** Completion tokens so far. */
  tokens = 0
  #isSigned = false
  readonly sign: (stop: 'normal' | 'aborted', lie: Lie) => Receipt

  constructor(
    runner: RunnerModel,
    allowance: Allowance,
    made: {
      readonly parts: (answer: Answer) => Iterator<Part>
      readonly sign: (answer: Answer, stop: 'normal' | 'aborted', lie: Lie) => Receipt
    },
  ) {
    this.allowance = allowance
    this.#runner = runner
    this.#life = runner.lives
    this.sign = (stop, lie) => {
      this.#isSigned = true
      return made.sign(this, stop, lie)
    }
    this.#parts = made.parts(this)
  }

  get #isDead(): boolean {
    return this.#runner.lives !== this.#life
  }

  next(): Part {
    if (this.#isDead) return { kind: 'broken' }
    const { done, value } = this.#parts.next()
    return done === true ? { kind: 'end' } : value
  }

  /** The gateway hung up: what was made is billed. */
  abort(): void {
    if (!this.#isSigned && !this.#isDead)
      this.#runner.post(this.sign('aborted', this.#runner.lie()), this.allowance)
  }
}

/** A host's runner: the protocol is real, the machine, its engine and its honesty are made up. */
export class RunnerModel {
  readonly id: RunnerId
  /** What it runs; a host may upgrade it. */
  image: string
  readonly payee: TonAddress
  /** Probability that a receipt is a lie. */
  readonly dishonesty: number
  readonly outbox: Posted[] = []
  /** Taken out of the outbox lately: a crash may undo that. */
  acknowledged: readonly Posted[] = []
  /** Processes so far that died. */
  lives = 0
  generation: Generation | undefined
  sequence = 0
  readonly #world: RunnerWorld
  #generations = 0

  constructor(
    world: RunnerWorld,
    said: Pick<RunnerModel, 'id' | 'image' | 'payee' | 'dishonesty'>,
  ) {
    this.#world = world
    this.id = said.id
    this.image = said.image
    this.payee = said.payee
    this.dishonesty = said.dishonesty
  }

  /** New keys in memory: a restart of the runner, or a rotation. Its outbox is on disk. */
  rotate(session: SessionId, allowanceKey: Bytes, notAfter: number): Generation {
    const { provider } = this.#world
    const signer = quickKey(`receipts of ${this.id} ${this.#generations++}`)
    const sealing = quickKey(`seals ${signer.keyId}`)
    const keyset: Keyset = {
      subject: `payee=${this.payee}`,
      not_after: notAfter,
      receipt_signing_keys: [{ key_id: signer.keyId, algo: 'ed25519', public_key: keyHex(signer) }],
      e2ee_public_keys: [
        { key_id: 'ehbp-x25519', algo: 'ehbp-x25519', public_key: keyHex(sealing) },
      ],
      tls_public_keys: [],
    }
    const guard = new ReplayGuard()
    this.generation = {
      keyset,
      digest: keysetDigest(keyset),
      signer,
      session,
      keys: {
        sealing: { 'ehbp-x25519': quickSealingKey(provider, sealing.publicKey) },
        guard,
        sessions: this.#world.sessions(new SessionTable(guard)),
      },
      allowances: provider.hashes.macKey(allowanceKey),
    }
    return this.generation
  }

  /**
   * Its process is killed: what is under way, its memory and its keys are gone. The outbox is on its disk, which may have missed
   * the last deletions.
   */
  die(): void {
    this.lives++
    this.outbox.unshift(...this.acknowledged)
    this.acknowledged = []
    this.generation = this.#world.reborn(this.generation)
  }

  lie(): Lie {
    const { dice } = this.#world
    return dice.chance(this.dishonesty) ? dice.pick(LIES) : 'none'
  }

  post(receipt: Receipt, { ref }: Pick<Allowance, 'ref'>): void {
    this.outbox.push({ receipt: receiptJson(receipt), ref, id: receipt.receipt_id })
  }

  /** @returns the answer, or a refusal outside the seal */
  async take(request: OutgoingRequest): Promise<Answer | { readonly refused: readonly Part[] }> {
    const { generation } = this
    if (generation === undefined) return { refused: [{ kind: 'broken' }] }
    try {
      return await this.#open(request, generation)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      const { status, contentType, body } = toProblem(error)
      return {
        refused: [
          { kind: 'head', status, headers: { 'content-type': contentType } },
          { kind: 'data', bytes: utf8(JSON.stringify(body)) },
          { kind: 'end' },
        ],
      }
    }
  }

  async #open(request: OutgoingRequest, generation: Generation): Promise<Answer> {
    const { provider, now, dice } = this.#world
    const body = request.body ?? new Uint8Array()
    const envelope = readEnvelope((name) => request.headers[name], provider)
    const header = request.headers[HEADER.allowance] ?? ''
    const allowance = openAllowance(provider, header, generation.allowances, {
      binding: envelope.binding,
      now: now(),
    })
    const opened = await openRequest(provider, {
      envelope,
      body,
      keys: generation.keys,
      facts: {
        path: request.path,
        model: MODEL,
        session: allowance.session,
        attempt: allowance.attempt,
        maxCost: allowance.max_cost,
        now: now(),
      },
    })
    this.#world.onServed(this, allowance)
    const { commitmentKey, plaintext } = opened
    const digests = requestDigests(provider.hashes, { wire: body, plaintext, commitmentKey })
    const transcript = new Transcript(provider.hashes, commitmentKey)
    const { headers, keys } = opened.respond(dice.bytes(32))
    const sealer = provider.bodies.sealer(keys, transcript)
    const isStream = fromUtf8(plaintext).includes('"stream":true')
    const parts = {
      headers,
      sealer,
      most: dice.below(Math.min(allowance.max_completion_tokens, MOST_MADE) + 1),
    }
    return new Answer(this, allowance, {
      parts: (answer) => (isStream ? this.#stream(answer, parts) : this.#whole(answer, parts)),
      sign: (answer, stop, lie) =>
        this.#sign(answer, { generation, stop, lie, digests, transcript, path: request.path }),
    })
  }

  *#stream(answer: Answer, { headers, sealer, most }: Making): Generator<Part> {
    const { dice } = this.#world
    if (dice.chance(0.02)) {
      yield { kind: 'broken' }
      return
    }
    const type = { 'content-type': 'text/event-stream' }
    yield { kind: 'head', status: 200, headers: { ...headers, ...type } }
    while (answer.tokens < most) {
      const tokens = Math.min(1 + dice.below(4), most - answer.tokens)
      answer.tokens += tokens
      yield { kind: 'data', bytes: sealer.seal(utf8(`data: {"c":"${'a'.repeat(tokens)}"}\n\n`)) }
      if (!dice.chance(this.dishonesty > 0.1 ? 0.1 : 0.02)) continue
      // The machine dies; what it had made is in its outbox when it is back.
      const lie = dice.chance(this.dishonesty) ? 'more tokens than served' : 'none'
      this.post(answer.sign('aborted', lie), answer.allowance)
      yield { kind: 'broken' }
      return
    }
    yield { kind: 'data', bytes: sealer.seal(utf8('data: [DONE]\n\n')) }
    const lie = this.lie()
    if (lie !== 'no receipt') {
      const receipt = answer.sign('normal', lie)
      this.post(receipt, answer.allowance)
      yield { kind: 'data', bytes: sealer.seal(sseReceiptFrame(receipt)) }
    }
    if (lie === 'no end') yield { kind: 'broken' }
    else yield { kind: 'data', bytes: sealer.end() }
    yield { kind: 'end' }
  }

  *#whole(answer: Answer, { headers, sealer, most }: Making): Generator<Part> {
    const { dice } = this.#world
    const type = { 'content-type': 'application/json' }
    if (dice.chance(0.04)) {
      yield { kind: 'head', status: 500, headers: { ...headers, ...type } }
      yield { kind: 'data', bytes: sealer.seal(utf8('{"error":{"code":"engine_failed"}}')) }
      yield { kind: 'data', bytes: sealer.end() }
      yield { kind: 'end' }
      return
    }
    yield { kind: 'head', status: 200, headers: { ...headers, ...type } }
    answer.tokens = most
    const text = utf8(`{"c":"${'a'.repeat(most)}"}`)
    yield { kind: 'data', bytes: sealer.seal(jsonFrameBeforeReceipt(text)) }
    const lie = this.lie()
    const receipt = answer.sign('normal', lie)
    this.post(receipt, answer.allowance)
    yield { kind: 'data', bytes: sealer.seal(jsonReceiptFrame(receipt)) }
    // Its outbox may be faster than its answer, which then never comes.
    const breaks = lie === 'no end' || dice.chance(this.dishonesty > 0.1 ? 0.3 : 0.02)
    if (breaks) yield { kind: 'broken' }
    else yield { kind: 'data', bytes: sealer.end() }
    yield { kind: 'end' }
  }

  #sign(answer: Answer, said: Signing): Receipt {
    const { allowance } = answer
    const { generation, lie, digests, transcript, path, stop } = said
    const told = liesAbout(lie, answer.tokens, allowance)
    const attempt = lie === 'another attempt' ? allowance.attempt + 1 : allowance.attempt
    const counts = {
      prompt_tokens: Math.min(7, allowance.max_prompt_tokens),
      cached_tokens: 0,
      completion_tokens: told.tokens,
      reasoning_tokens: 0,
    }
    const response = transcript.digests()
    const forger = quickKey(`a stranger of ${this.id}`)
    const signer =
      lie === 'a key of its own' ? { ...forger, keyId: generation.signer.keyId } : generation.signer
    const receipt = signReceipt(
      {
        receipt_id: receiptId(allowance.request, attempt),
        chat_id: 'chatcmpl-1',
        model: MODEL,
        workload_keyset_digest: generation.digest,
        endpoint: path,
        served_at: this.#world.now(),
        event_log: [
          { type: 'request.received', body_hash: digests.body_hash },
          {
            type: 'usage.metered',
            request: allowance.request,
            attempt,
            ...counts,
            stop_reason: stop,
            price: told.price,
            cost: costOf(counts, told.price),
            payee: lie === 'another payee' ? `0:${'99'.repeat(32)}` : this.payee,
          },
          {
            type: 'plaintext.committed',
            algo: 'hmac-sha256',
            request: digests.commitment,
            response: response.commitment,
          },
          {
            type: 'response.returned',
            body_hash: lie === 'another answer' ? `sha256:${'ee'.repeat(32)}` : response.body_hash,
          },
        ],
      },
      signer,
    )
    if (lie !== 'a key of its own') {
      this.#world.signed.set(receipt.signature, { runner: this.id, receipt, lie })
    }
    return receipt
  }
}

interface Making {
  readonly headers: Headers
  readonly sealer: ReturnType<Provider<'sync'>['bodies']['sealer']>
  readonly most: number
}

interface Signing {
  readonly generation: Generation
  readonly stop: 'normal' | 'aborted'
  readonly lie: Lie
  readonly digests: ReturnType<typeof requestDigests>
  readonly transcript: Transcript
  readonly path: string
}

function liesAbout(lie: Lie, tokens: number, { price, max_completion_tokens }: Allowance) {
  const { input, cached } = price
  const output = nanoPerMillion(nano(price.output * 3n))
  return {
    tokens:
      lie === 'more tokens than allowed'
        ? max_completion_tokens * 5 + 1
        : lie === 'more tokens than served'
          ? max_completion_tokens
          : tokens,
    price: lie === 'another price' ? { input, cached, output } : price,
  }
}
