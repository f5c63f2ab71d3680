import { useEffect, useRef } from 'preact/hooks'
import { utcTime } from '../../format.ts'
import { site } from '../lib/browser.ts'
import type { Verification } from '../lib/connection.ts'
import { Fact, Id } from './check-list.tsx'
import { RunnerChecks } from './runner-checks.tsx'

/** What this browser verified, check by check, and who served the code that did it (H19). */
export function VerificationDialog(props: {
  readonly verification: Verification
  readonly onClose: () => void
}) {
  const { verification, onClose } = props
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  const { allowlist, runners, refused, hosts, warnings } = verification
  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="verification-title">
      <header>
        <h2 id="verification-title">What your browser checked</h2>
        <button type="button" class="quiet small" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      {warnings.map((text) => (
        <p key={text} class="notice warn">
          {text}
        </p>
      ))}
      <dl class="facts">
        <Fact name="Allowlist">
          Version {allowlist.version}, {SOURCES[allowlist.source]}, {utcTime(allowlist.readAt)}
        </Fact>
        <Fact name="Independent hosts">{hosts}</Fact>
        <Fact name="This code">
          Served by <code>{location.host}</code>, page <Id value={site.page} />. A page can only be
          as honest as its server: compare it with <code>cocoon page</code>, or let{' '}
          <code>cocoon connect</code> verify on your machine.
        </Fact>
      </dl>
      {runners.map((runner) => (
        <RunnerChecks key={runner.id} runner={runner} />
      ))}
      {refused.map(({ runner, reason }) => (
        <section key={runner} class="runner">
          <h3>
            <Id value={runner} /> <span class="badge refused">Refused</span>
          </h3>
          <p>{reason}</p>
        </section>
      ))}
    </dialog>
  )
}

const SOURCES = {
  registry: 'read from the chain by two endpoints that agree',
  'registry by one endpoint': 'read from the chain by one endpoint',
  'as told by gateway': 'as this gateway tells it: nobody else confirmed it',
} as const
