// The laws of lifecycle.md that can be seen from outside, as checkers of simulations. What each checks, and what freedom
// it leaves where a rule leaves some, stands at the law; here is only the list.

import { checks, verdicts } from './laws/checks.js'
import { fixpoint, takenBack } from './laws/desires.js'
import { blast, conditions, delays, loss, orderly } from './laws/edges.js'
import { bounds, disposers, hooks, pairing, waitedFor } from './laws/epochs.js'
import { causes, delivery, fold, numbers } from './laws/events.js'
import { calm, plans, rollUp } from './laws/liveness.js'
import { abortion, codes, deadlines, outcomes, refusals, settlement } from './laws/operations.js'
import { nothingLeft, removal, replacement } from './laws/registry.js'
import { attempts, backoffs, budget, due, endings, permits, policies } from './laws/restarts.js'
import { cancellation, errors, reasons, transitions } from './laws/states.js'
import { explanations, holders, patience } from './laws/waits.js'
import type { Law } from './observation.js'

/** Every law, in the order of the rules. */
export const LAWS: readonly Law[] = [
  ...[transitions, pairing, disposers, errors, cancellation],
  ...[fixpoint, calm, patience, holders, reasons, conditions, orderly, loss, blast, delays],
  ...[policies, backoffs, attempts, budget, endings, permits, due],
  ...[checks, verdicts, rollUp, outcomes, takenBack, deadlines, refusals, bounds, waitedFor, settlement, abortion],
  ...[numbers, fold, delivery, causes, explanations],
  ...[hooks, plans, nothingLeft, removal, replacement, codes],
]
