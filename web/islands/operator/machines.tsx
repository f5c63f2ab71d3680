import { useState } from 'preact/hooks'
import { shortId } from '../../format.ts'
import { technologyName } from '../../parts/technology.ts'
import { type RunnerView, readRunners } from '../../read.ts'
import { call, messageOf } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'

const ACTIONS = [
  ['admit', 'Admit', 'admitted'],
  ['drain', 'Drain', 'drained'],
  ['deny', 'Deny', 'denied'],
] as const

/** Machines with a lease, and what the operator decides about them. */
export function Machines({ adminKey }: { readonly adminKey: string }) {
  const { loaded, again } = useLoaded(async () => readRunners(await call('/v1/runners')), [])
  const [problem, setProblem] = useState('')
  const act = (id: string, action: string): void => {
    setProblem('')
    call(`/admin/runners/${id}/${action}`, { key: adminKey, method: 'POST' }).then(
      again,
      (error: unknown) => setProblem(messageOf(error)),
    )
  }
  const runners = loaded.state === 'there' ? loaded.value : []
  return (
    <section aria-labelledby="machines">
      <h2 id="machines">Machines</h2>
      {loaded.state === 'there' && runners.length === 0 && (
        <p class="empty">No machine has a lease.</p>
      )}
      {runners.length > 0 && (
        <section class="scroll" tabIndex={0} aria-label="Machines">
          <table>
            <thead>
              <tr>
                <th scope="col">Machine</th>
                <th scope="col">Evidence</th>
                <th scope="col">Model</th>
                <th scope="col">State</th>
                <th scope="col">Decide</th>
              </tr>
            </thead>
            <tbody>
              {runners.map((runner) => (
                <MachineRow
                  key={runner.id}
                  runner={runner}
                  onAct={(action) => act(runner.id, action)}
                />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <p class="problem" role="alert">
        {problem}
      </p>
    </section>
  )
}

function MachineRow(props: {
  readonly runner: RunnerView
  readonly onAct: (action: string) => void
}) {
  const { runner, onAct } = props
  return (
    <tr>
      <th scope="row">
        <code title={runner.id}>{shortId(runner.id)}</code>
      </th>
      <td>
        {runner.status}, {technologyName(runner.technology)}
      </td>
      <td>
        <code>{runner.model}</code>
      </td>
      <td>{runner.state}</td>
      <td>
        <span class="badge-line">
          {ACTIONS.filter(([, , state]) => state !== runner.state).map(([action, name]) => (
            <button
              key={action}
              type="button"
              class={`${action === 'deny' ? 'danger' : 'quiet'} small`}
              onClick={() => onAct(action)}
            >
              {name}
            </button>
          ))}
        </span>
      </td>
    </tr>
  )
}
