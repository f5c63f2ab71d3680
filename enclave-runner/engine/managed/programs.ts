/** What an engine's command line is made of: nothing that a host says (C3). */
export interface EngineTask {
  /** File or folder of the weights. */
  readonly weightsPath: string
  /** Name under which it serves the model. */
  readonly model: string
  /** Unix socket that it is to serve on. */
  readonly socket: string
  /** Requests at once. */
  readonly capacity: number
  /** Tokens of one request; undefined leaves it to the model. */
  readonly contextLength: number | undefined
}

interface Program {
  readonly arguments: (task: EngineTask) => readonly string[]
}

/** Engines that the runner starts by itself. Each serves on a socket only: none needs a network. */
export const PROGRAMS = {
  vllm: {
    arguments: ({ weightsPath, model, socket, capacity, contextLength }) => [
      'serve',
      weightsPath,
      '--uds',
      socket,
      '--served-model-name',
      model,
      '--max-num-seqs',
      String(capacity),
      '--enable-prompt-tokens-details',
      ...(contextLength === undefined ? [] : ['--max-model-len', String(contextLength)]),
    ],
  },
  'llama-server': {
    arguments: ({ weightsPath, model, socket, capacity, contextLength }) => [
      '--model',
      weightsPath,
      '--alias',
      model,
      // A host that ends in .sock is a socket.
      '--host',
      socket,
      '--parallel',
      String(capacity),
      // It divides its context among its places.
      '--ctx-size',
      String((contextLength ?? 0) * capacity),
      '--jinja',
      '--no-webui',
      '--offline',
    ],
  },
} as const satisfies Record<string, Program>

export type ProgramName = keyof typeof PROGRAMS

/** Its whole environment: it looks nothing up on a hub, tells nobody about its use, and inherits nothing. */
export const ENGINE_ENVIRONMENT: Readonly<Record<string, string>> = {
  LANG: 'C.UTF-8',
  HF_HUB_OFFLINE: '1',
  TRANSFORMERS_OFFLINE: '1',
  HF_HUB_DISABLE_TELEMETRY: '1',
  VLLM_NO_USAGE_STATS: '1',
  VLLM_HOST_IP: '127.0.0.1',
  DO_NOT_TRACK: '1',
}
