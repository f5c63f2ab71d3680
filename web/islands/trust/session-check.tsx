import type { JudgedSession } from '../lib/judging.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { CheckList } from '../parts/check-list.tsx'

type Judged = JudgedSession & { readonly isLive: boolean }

const WORDS = {
  verified: [
    'good',
    'Verified',
    'Genuine hardware, a listed image and model, and these very keys.',
  ],
  simulated: [
    'warn',
    'Simulated',
    'Everything fits, under roots that a development world made for itself: no hardware vouches for it.',
  ],
  refused: [
    'bad',
    'Refused',
    'At least one check failed. Nothing should be sealed to this machine.',
  ],
} as const

export function SessionCheck({ id }: { readonly id: string }) {
  const { loaded } = useLoaded(() => judge(id), [id])
  if (loaded.state === 'loading') return <p class="notice">Verifying…</p>
  if (loaded.state === 'failed') {
    return (
      <p class="notice bad" role="alert">
        <strong>Refused.</strong> {loaded.message}
      </p>
    )
  }
  return <Verdict judged={loaded.value} />
}

async function judge(id: string): Promise<Judged> {
  const { judgeSessionById } = await import('../lib/judging.ts')
  return judgeSessionById(id)
}

function Verdict({ judged: { status, checks, isLive } }: { readonly judged: Judged }) {
  const [tone, word, meaning] = WORDS[status]
  return (
    <div id="session-verdict" class={`notice ${tone}`} role="status">
      <p>
        <strong>{word}.</strong> {meaning}{' '}
        {isLive
          ? 'The machine answered just now, over a number that your browser chose.'
          : 'The machine is gone: this judges the evidence that was recorded.'}
      </p>
      <CheckList checks={checks} />
    </div>
  )
}
