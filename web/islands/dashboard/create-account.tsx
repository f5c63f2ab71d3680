import { useState } from 'preact/hooks'
import { nano } from '#base/nano.ts'
import { messageOf } from '../lib/gateway.ts'
import type { AccountOwner } from '../lib/new-account.ts'
import { signIn } from '../lib/sign-in.ts'
import { KeyOnce } from '../parts/key-once.tsx'
import { RecoveryFile } from './recovery-file.tsx'

type Step =
  | { readonly name: 'choose' }
  | { readonly name: 'save'; readonly owner: AccountOwner; readonly text: string }
  | { readonly name: 'done'; readonly key: string }

/** 1. choose who may charge  2. keep the recovery file  3. get an API key. Nothing is sent before the file is kept. */
export function CreateAccount({ onSignedIn }: { readonly onSignedIn: (key: string) => void }) {
  const [step, setStep] = useState<Step>({ name: 'choose' })
  const [problem, setProblem] = useState('')
  const attempt = (work: Promise<Step>): void => {
    setProblem('')
    work.then(setStep, (error: unknown) => setProblem(messageOf(error)))
  }
  return (
    <div class="card">
      {step.name === 'choose' && <ChooseMode onChoose={(mode) => attempt(make(mode))} />}
      {step.name === 'save' && (
        <RecoveryFile
          account={step.owner.id}
          text={step.text}
          onSaved={() => attempt(register(step.owner))}
        />
      )}
      {step.name === 'done' && <KeyOnce apiKey={step.key} onGoOn={() => onSignedIn(step.key)} />}
      <p class="problem" role="alert">
        {problem}
      </p>
    </div>
  )
}

async function make(mode: AccountOwner['mode']): Promise<Step> {
  const { makeOwner, recoveryText } = await import('../lib/new-account.ts')
  const owner = await makeOwner(mode)
  return { name: 'save', owner, text: recoveryText(owner) }
}

async function register(owner: AccountOwner): Promise<Step> {
  const { keepSpendKey, requestKey } = await import('../lib/new-account.ts')
  const key = await requestKey(owner)
  await keepSpendKey(owner, nano(0n))
  signIn(key, { remember: false })
  return { name: 'done', key }
}

function ChooseMode({ onChoose }: { readonly onChoose: (mode: AccountOwner['mode']) => void }) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        const mode = new FormData(event.currentTarget).get('mode')
        onChoose(mode === 'managed' ? 'managed' : 'sovereign')
      }}
    >
      <fieldset>
        <legend>Who may charge it?</legend>
        <label class="choice">
          <input type="radio" name="mode" value="sovereign" defaultChecked />
          <strong>Only me</strong>
          <small>
            Sovereign. This browser, <code>cocoon connect</code> and the library sign a cheque for
            what verified receipts add up to. Nobody else can charge.
          </small>
        </label>
        <label class="choice">
          <input type="radio" name="mode" value="managed" />
          <strong>The gateway’s meter</strong>
          <small>
            Managed. Works with any OpenAI client by its API key alone. You trust this gateway up to
            a daily cap.
          </small>
        </label>
      </fieldset>
      <button type="submit">Make the keys here</button>
    </form>
  )
}
