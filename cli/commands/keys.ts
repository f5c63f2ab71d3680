import { ZodError } from 'zod'
import { type Command, type CommandIo, EXIT } from '../command.ts'
import { LIMIT_HELP } from '../keys/limits.ts'
import { KEY_VERBS } from '../keys/manage.ts'
import { OWN_VERBS } from '../keys/own.ts'
import { SPENDING_VERBS } from '../keys/spending.ts'
import { runVerb } from '../verbs.ts'

const USAGE = `cocoon keys: the keys of an account, made and kept on this machine, and its API keys at a gateway.

The account's own keys
  cocoon keys new --out FILE [--mode sovereign|managed]   make an account; nothing is sent anywhere
  cocoon keys show FILE                                    print its id, which is also its deposit memo
  cocoon keys register FILE --gateway URL                  get an API key for it (shown once)

The file holds the recovery key: whoever has it can withdraw the money. Modes:
  sovereign   only cheques that you sign can charge (cocoon connect, the SDK, the page)
  managed     plain API keys; the gateway's meter key may charge, at most the Till's daily cap

API keys (with an admin key of the account: the first one, or one made by --role admin)
  cocoon keys list [--json]                                ids, state and limits; never the keys
  cocoon keys create [LIMITS] [--json]                     make one (shown once)
  cocoon keys rotate ID [--grace-seconds N]                give it a new text; the old one works for a day, or N seconds
  cocoon keys revoke ID                                    end it for good
  cocoon keys usage [--by day,model,key] [--from DATE] [--to DATE] [--csv]
                                                           what was spent on what; default: 30 days by day and model
  cocoon keys balance [--json]                             what the account has (any of its keys)

  --gateway URL    default: COCOON_BASE_URL
  --key-file FILE  holds the API key; default: COCOON_API_KEY. It is no argument: other users see arguments
  --json           the gateway's answer, as openapi.yaml describes it
Without gateway and key: the world of npm start, and the key that it printed.

Limits
${LIMIT_HELP}

Exit code: 0 done; 1 refused by the gateway, or no answer; 2 wrong usage.`

export const keys: Command = {
  summary: 'make account keys; list, make and end API keys, and see what they spent',
  usage: USAGE,
  run: (io) => orRefused(io, () => runVerb(io, { ...OWN_VERBS, ...KEY_VERBS, ...SPENDING_VERBS })),
}

async function orRefused(io: CommandIo, run: () => Promise<number>): Promise<number> {
  try {
    return await run()
  } catch (error) {
    if (!(error instanceof ZodError || error instanceof SyntaxError)) throw error
    io.err('the answer is none that this version understands: is --gateway a gateway of Cocoon?')
    return EXIT.failed
  }
}
