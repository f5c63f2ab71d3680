import { KeyForm } from '../parts/key-form.tsx'
import { CreateAccount } from './create-account.tsx'
import { OpenRecovery } from './open-recovery.tsx'
import { WalletSignIn } from './wallet-sign-in.tsx'

export function SignedOut({ onSignedIn }: { readonly onSignedIn: (key: string) => void }) {
  return (
    <>
      <h1>Account</h1>
      <p class="lead">No email, no password. An account is a key pair that your browser makes.</p>
      <div class="columns">
        <section aria-labelledby="create">
          <h2 id="create">Create one</h2>
          <CreateAccount onSignedIn={onSignedIn} />
        </section>
        <section aria-labelledby="sign-in">
          <h2 id="sign-in">Sign in</h2>
          <KeyForm onSignedIn={onSignedIn} />
          <OpenRecovery onSignedIn={onSignedIn} />
          <WalletSignIn onSignedIn={onSignedIn} />
        </section>
      </div>
    </>
  )
}
