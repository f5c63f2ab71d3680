/** Ready to paste, with the visitor's own base URL. */
export interface Snippet {
  readonly id: string
  readonly name: string
  readonly code: string
  readonly note: string
}

/** Where the examples take the key from; in parts, since it is their text and not read here. */
const KEY = ['process', 'env', 'COCOON_API_KEY'].join('.')

const PLAIN =
  'Sealed by the gateway: it reads the prompt in memory, the host of the GPU never does.'
const OWN = 'Verified and sealed on your machine: the gateway sees sizes and a receipt.'

export function snippets(given: {
  readonly origin: string
  readonly model: string
  /** Whether the world's hardware is simulated: then `connect` must be told so. */
  readonly simulated: boolean
}): readonly Snippet[] {
  const { origin, model, simulated } = given
  const base = `${origin}/v1`
  return [
    {
      id: 'curl',
      name: 'curl',
      note: PLAIN,
      code: `curl -N ${base}/chat/completions \\
  -H "authorization: Bearer $COCOON_API_KEY" \\
  -H "content-type: application/json" \\
  -d '{"model":"${model}","stream":true,"messages":[{"role":"user","content":"Hello"}]}'`,
    },
    {
      id: 'node',
      name: 'Node',
      note: PLAIN,
      code: lines(
        `import OpenAI from 'openai'`,
        ``,
        `const client = new OpenAI({ baseURL: '${base}', apiKey: ${KEY} })`,
        `const answer = await client.chat.completions.create({`,
        `  model: '${model}',`,
        `  messages: [{ role: 'user', content: 'Hello' }],`,
        `})`,
        `console.log(answer.choices[0].message.content)`,
      ),
    },
    {
      id: 'python',
      name: 'Python',
      note: PLAIN,
      code: lines(
        `import os`,
        `from openai import OpenAI`,
        ``,
        `client = OpenAI(base_url="${base}", api_key=os.environ["COCOON_API_KEY"])`,
        `answer = client.chat.completions.create(`,
        `    model="${model}",`,
        `    messages=[{"role": "user", "content": "Hello"}],`,
        `)`,
        `print(answer.choices[0].message.content)`,
      ),
    },
    {
      id: 'ai-sdk',
      name: 'AI SDK',
      note: PLAIN,
      code: lines(
        `import { createOpenAICompatible } from '@ai-sdk/openai-compatible'`,
        `import { streamText } from 'ai'`,
        ``,
        `const cocoon = createOpenAICompatible({`,
        `  name: 'cocoon',`,
        `  baseURL: '${base}',`,
        `  apiKey: ${KEY},`,
        `})`,
        `const { textStream } = streamText({ model: cocoon('${model}'), prompt: 'Hello' })`,
        `for await (const text of textStream) process.stdout.write(text)`,
      ),
    },
    {
      id: 'connect',
      name: 'cocoon connect',
      note: OWN,
      code: `${
        simulated
          ? 'npx cocoon connect --dev'
          : `npx -p cocoon-gateway cocoon connect --gateway ${base} \\
  --ton-endpoint https://toncenter.com/api/v2/jsonRPC --ton-endpoint https://another.example/jsonRPC`
      }
# then point any OpenAI client at http://127.0.0.1:8788/v1`,
    },
  ]
}

function lines(...all: readonly string[]): string {
  return all.join('\n')
}
