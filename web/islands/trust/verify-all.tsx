import { useState } from 'preact/hooks'
import type { Verification } from '../lib/connection.ts'
import { messageOf } from '../lib/gateway.ts'
import { Id } from '../parts/check-list.tsx'
import { RunnerChecks } from '../parts/runner-checks.tsx'

/** Runs the verifiers here, on evidence that is made now. */
export function VerifyAll() {
  const [found, setFound] = useState<Verification>()
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState('')
  const verify = async (): Promise<void> => {
    setBusy(true)
    setProblem('')
    const { openConnection } = await import('../lib/connection.ts')
    const connection = await openConnection()
    setFound(connection.verification)
    connection.close()
  }
  return (
    <>
      <p class="actions">
        <button
          type="button"
          disabled={isBusy}
          onClick={() =>
            verify()
              .catch((error: unknown) => setProblem(messageOf(error)))
              .finally(() => setBusy(false))
          }
        >
          {isBusy ? 'Verifying…' : 'Verify every machine now'}
        </button>
      </p>
      <div role="status">
        {problem !== '' && <p class="notice bad">{problem}</p>}
        {found !== undefined && <Found verification={found} />}
      </div>
    </>
  )
}

function Found({ verification }: { readonly verification: Verification }) {
  const { runners, refused, warnings, allowlist } = verification
  return (
    <>
      <p>
        {summaryOf(verification)}. Allowlist: version {allowlist.version}, {allowlist.source}.
      </p>
      {warnings.map((text) => (
        <p key={text} class="notice warn">
          {text}
        </p>
      ))}
      {runners.map((runner) => (
        <RunnerChecks key={runner.id} runner={runner} />
      ))}
      {refused.map(({ runner, reason }) => (
        <p key={runner} class="notice bad">
          <Id value={runner} /> {reason}
        </p>
      ))}
    </>
  )
}

/** Simulated machines are never counted as verified. */
function summaryOf({ runners, refused }: Verification): string {
  const of = (status: string): number => runners.filter((one) => one.status === status).length
  const simulated = of('simulated')
  return [
    `${of('verified')} verified`,
    ...(simulated === 0 ? [] : [`${simulated} simulated`]),
    `${refused.length} refused`,
  ].join(', ')
}
