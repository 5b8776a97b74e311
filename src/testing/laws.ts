// The laws of lifecycle.md that can be seen from outside, as checkers of simulations. What each checks, and what freedom
// it leaves where a rule leaves some, stands at the law; here is the list, and which rule is checked by what.
//
// legal transitions (R1)                        transitions
// one live epoch; pairing; disposers (R2, R3)   pairing, hooks, disposers (late resources, too)
// errors, cancellation (R4, R5)                 errors, cancellation; with attempts and budget: it counts nothing
// desires, fixpoint (R6-R8)                     fixpoint, takenBack against the model of laws/model.ts; holders, patience:
//                                               what waits says for what, all of it, and not for longer than it says
// manual stop never undone (R6, R14)            fixpoint: the model keeps it through whatever happens
// reasons (R9)                                  reasons
// conditions at onStart (R11)                   conditions
// no dependent at an orderly onStop (R13)       orderly, shutdown
// cascade: all who lean, once, back (R14)       loss, and fixpoint and calm for the return; blast: none without a loss
// blast radius (R15)                            blast
// delays (R16)                                  delays
// policies, backoff, attempts, budget (R17-20)  policies, backoffs, attempts, budget, endings
// retry bound, fairness (R21)                   permits; fairness: first come, first served; patience: none is withheld,
//                                               least of all from who is no retry
// due retries; stop in a backoff (R22, R23)     due; fixpoint
// checks, verdicts, stalls (R24-R26)            checks, rhythm; verdicts, relapses, recoveries: bounds from both sides
// how many checks at once (R27)                 capped
// roll-up (R28)                                 rollUp
// outcomes, rollback set (R29, R30)             outcomes, reports, takenBack, culprits, persistence, blame
// stops and their deadlines (R31, R32)          deadlines, haste, cleanness, answers, bounds, givenUp, refusals, signals,
//                                               waitedFor, hooks
// promises (R33), abortion (R34)                settlement, outcomes; abortion, deadlines
// order of events, fold (R37), delivery (R38)   numbers, fold; delivery
// subscribers cannot disturb (R39)              listeners: nobody is passed over; that nothing else changes is no law: two
//                                               runs of a scenario are compared, test/testing/laws-listeners
// causes (R42)                                  causes, origins, explanations
// planning again gives nothing (R44)            plans
// nothing left (R46)                            nothingLeft; dead instances are collectable: test/sim/collect
// registry (R48, R49), codes (R50)              removal, replacement; codes
// liveness after all faults (R7, R33)           calm, settlement
//
// Not seen from outside and left to tests of their own: R10, R12 (makespan), R27 (one timer), R35, R36, R40, R41, R45, R47, R51.

import { checks, verdicts } from './laws/checks.js'
import { fixpoint, takenBack } from './laws/desires.js'
import { blast, conditions, delays, loss, orderly, shutdown } from './laws/edges.js'
import { bounds, disposers, hooks, pairing, signals, waitedFor } from './laws/epochs.js'
import { causes, delivery, fold, numbers, origins } from './laws/events.js'
import { fairness } from './laws/fairness.js'
import { givenUp, haste } from './laws/haste.js'
import { listeners } from './laws/listeners.js'
import { calm, plans, rollUp } from './laws/liveness.js'
import { abortion, blame, codes, deadlines, outcomes, refusals, settlement } from './laws/operations.js'
import { nothingLeft, removal, replacement } from './laws/registry.js'
import { reports } from './laws/reports.js'
import { attempts, backoffs, budget, due, endings, permits, policies } from './laws/restarts.js'
import { capped, rhythm } from './laws/rhythm.js'
import { recoveries, relapses } from './laws/rows.js'
import { culprits, persistence } from './laws/starts.js'
import { cancellation, errors, reasons, transitions } from './laws/states.js'
import { answers, cleanness } from './laws/stops.js'
import { explanations, holders, patience } from './laws/waits.js'
import type { Law } from './observation.js'

/** Every law, in the order of the rules. */
export const LAWS: readonly Law[] = [
  ...[transitions, pairing, disposers, errors, cancellation],
  ...[fixpoint, calm, patience, holders, reasons, conditions, orderly, shutdown, loss, blast, delays],
  ...[policies, backoffs, attempts, budget, endings, permits, fairness, due],
  ...[
    checks,
    rhythm,
    capped,
    verdicts,
    recoveries,
    relapses,
    rollUp,
    outcomes,
    reports,
    blame,
    persistence,
    culprits,
    takenBack,
    deadlines,
    haste,
    refusals,
    cleanness,
    answers,
    bounds,
    givenUp,
    signals,
    waitedFor,
    settlement,
    abortion,
  ],
  ...[numbers, fold, delivery, listeners, causes, origins, explanations],
  ...[hooks, plans, nothingLeft, removal, replacement, codes],
]
