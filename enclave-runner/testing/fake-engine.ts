/**
 * Stands for vLLM's and llama.cpp's servers at the process boundary: their command lines, their socket, their protocol.
 * What a request's last message says decides how it misbehaves.
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { basename } from 'node:path'
import { parseArgs } from 'node:util'

interface Asked {
  readonly socket: string
  readonly model: string
  readonly weights: string
  readonly context: number
}

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

/** Each program's own flags: an unknown one ends it, as it ends the real ones. */
const COMMAND_LINES: Record<string, (args: string[]) => Asked> = {
  vllm: (args) => {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        uds: text,
        'served-model-name': text,
        'max-num-seqs': text,
        'max-model-len': text,
        'enable-prompt-tokens-details': flag,
      },
    })
    const [verb, weights = ''] = positionals
    if (verb !== 'serve') throw new Error('vllm serve MODEL')
    const context = Number(values['max-model-len'] ?? 4096)
    return {
      socket: values.uds ?? '',
      model: values['served-model-name'] ?? weights,
      weights,
      context,
    }
  },
  'llama-server': (args) => {
    const { values } = parseArgs({
      args,
      options: {
        model: text,
        alias: text,
        host: text,
        parallel: text,
        'ctx-size': text,
        jinja: flag,
        'no-webui': flag,
        offline: flag,
      },
    })
    const context = Number(values['ctx-size']) / Number(values.parallel)
    return {
      socket: values.host ?? '',
      model: values.alias ?? '',
      weights: values.model ?? '',
      context,
    }
  },
}

const program = basename(process.argv[1] ?? '')
const asked = COMMAND_LINES[program]?.(process.argv.slice(2))
if (asked === undefined || !existsSync(asked.weights)) process.exit(2)
const { socket, model, context } = asked
const isVllm = program === 'vllm'

const diary = process.env['HOME'] === undefined ? undefined : `${process.env['HOME']}/diary`
const note = (line: string): void => {
  if (diary !== undefined) appendFileSync(diary, `${line}\n`)
}

const delta = (content: string, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'x', model, choices: [{ index: 0, delta: { content }, finish_reason: null }], ...more })}\n\n`
const usage = (prompt_tokens: number, completion_tokens: number) => ({
  usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens },
})
const END = `data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n`

interface Question {
  readonly stream?: boolean
  readonly max_tokens?: number
  readonly messages: readonly { readonly content: string }[]
}

const BEHAVIOURS: Record<string, (res: ServerResponse, question: Question) => void> = {
  die: (res) => res.write(delta('a'), () => process.exit(1)),
  hang: (res) => void res.write(delta('a')),
  /** Alive and silent: neither this answer nor any other goes on. */
  freeze: (res) => res.write(delta('a'), () => process.kill(process.pid, 'SIGSTOP')),
  500: (res) => void res.writeHead(500).end('{}'),
  'omit usage': (res) => void res.end(`${delta('a')}${delta('b')}${END}data: [DONE]\n\n`),
  inflate: (res) =>
    void res.end(
      `${delta('ab')}${END}data: ${JSON.stringify({ choices: [], ...usage(1e9, 1e9) })}\n\ndata: [DONE]\n\n`,
    ),
  'ignore the limit': (res) => {
    let count = 0
    const timer = setInterval(() => res.write(delta('x', usage(3, ++count))), 1)
    res.on('close', () => {
      note('left')
      clearInterval(timer)
    })
  },
  look: async (res) => {
    const seen = JSON.stringify(await lookAround())
    res.end(`${delta(seen)}${END}data: [DONE]\n\n`)
  },
}

function answer(res: ServerResponse, question: Question): void {
  const told = question.messages.at(-1)?.content ?? ''
  const behaviour = BEHAVIOURS[told]
  if (behaviour !== undefined) {
    behaviour(res, question)
    return
  }
  const tokens = Math.min(question.max_tokens ?? 3, 3)
  const words = Array.from({ length: tokens }, (_, i) => `w${i} `)
  if (question.stream !== true) {
    const choices = [{ index: 0, message: { content: words.join('') }, finish_reason: 'stop' }]
    res.end(JSON.stringify({ id: 'x', model, choices, ...usage(5, tokens) }))
    return
  }
  for (const [i, word] of words.entries()) res.write(delta(word, usage(5, i + 1)))
  res.end(`${END}data: ${JSON.stringify({ choices: [], ...usage(5, tokens) })}\n\ndata: [DONE]\n\n`)
}

/** What a hostile model's code would try: who it is, and what it reaches. */
async function lookAround() {
  const [address = '', file = ''] = (
    process.env['LOOK'] ?? readFileSync(asked?.weights ?? '', 'utf8')
  )
    .trim()
    .split(' ')
  const status = readFileSync('/proc/self/status', 'utf8')
  return {
    uid: process.getuid?.(),
    capabilities: /CapEff:\s*(\S+)/.exec(status)?.[1],
    noNewPrivileges: /NoNewPrivs:\s*(\S+)/.exec(status)?.[1],
    environment: Object.keys(process.env).sort(),
    network: await reach(address),
    file: canRead(file),
  }
}

function reach(address: string): Promise<string> {
  const [host = '', port = ''] = address.split(':')
  return new Promise((resolve) => {
    const attempt = connect({ host, port: Number(port), timeout: 3000 })
    attempt.on('connect', () => resolve('connected'))
    attempt.on('timeout', () => resolve('timeout'))
    attempt.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'))
  })
}

function canRead(file: string): boolean {
  try {
    readFileSync(file)
    return true
  } catch {
    return false
  }
}

const server = createServer(async (req, res) => {
  const parts: Buffer[] = []
  for await (const part of req) parts.push(part)
  if (req.url === '/v1/models') {
    const length = isVllm ? { max_model_len: context } : { meta: { n_ctx_train: 1_000_000 } }
    const owner = isVllm ? 'vllm' : 'llamacpp'
    res.end(JSON.stringify({ object: 'list', data: [{ id: model, owned_by: owner, ...length }] }))
    return
  }
  if (req.url === '/props') {
    res.end(JSON.stringify({ default_generation_settings: { n_ctx: context } }))
    return
  }
  if (req.url !== '/v1/chat/completions') {
    res.writeHead(404).end('{}')
    return
  }
  // Sound: the runner sends what it checked.
  answer(res, JSON.parse(Buffer.concat(parts).toString()) as Question)
})
server.listen(socket)
