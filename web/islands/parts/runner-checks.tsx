import { utcTime } from '../../format.ts'
import { technologyName } from '../../parts/technology.ts'
import type { RunnerStatement } from '../lib/connection.ts'
import { CheckList, Fact, Id } from './check-list.tsx'

/** One machine, as this browser found it. */
export function RunnerChecks({ runner }: { readonly runner: RunnerStatement }) {
  return (
    <section class="runner">
      <h3>
        <Id value={runner.id} />{' '}
        <span class={`badge ${runner.status}`}>
          {runner.status === 'verified' ? 'Verified' : 'Simulated'}
        </span>
      </h3>
      <dl class="facts">
        <Fact name="Processor">
          {technologyName(runner.technology)}, {runner.tcb}
        </Fact>
        <Fact name="GPU">{runner.gpus.join(', ') || 'none'}</Fact>
        <Fact name="Image">
          <Id value={runner.imageHash} />
        </Fact>
        <Fact name="Model">
          {runner.model}, weights <Id value={runner.weights} />
        </Fact>
        <Fact name="Sealed with">{runner.suite}</Fact>
        <Fact name="Session">
          <a href={`/trust/sessions/${runner.sessionId}`}>
            <Id value={runner.sessionId} />
          </a>
          , good until {utcTime(runner.validUntil)}
        </Fact>
      </dl>
      <CheckList checks={runner.checks.all} />
    </section>
  )
}
