/** The models that can be chosen, with where they are, what they can do and how they are doing, from what the gateway says of itself. */

import type { HealthAnswer, ModelAnswer } from "../../api/schema";
import { words } from "../../words";

/** How a model is doing, as far as the gateway says; `null`: it did not say. */
export type State = "ready" | "busy" | "loading" | "asleep" | "unreachable" | "unavailable" | null;

/** A model as somebody chooses it. */
export interface ModelChoice {
  /** Null: whatever the server's default is. */
  name: string | null;
  title: string;
  context: number | null;
  /** The servers or workers that answer for it. */
  where: readonly string[];
  state: State;
  /** Replies at a time, and how many of them are being written; 0 places: nothing is known of them. */
  places: number;
  busy: number;
  /** What it can do: true where the gateway says so. */
  sees: boolean;
  thinks: boolean;
  tools: boolean;
  /** What a million tokens cost; null: no price is known. */
  price: { input: number | null; output: number | null } | null;
  /** What there is to say about it besides. */
  note: string;
}

interface Known {
  default: string | null;
  models: readonly ModelAnswer[];
}

/** The default first, then all models in the order of the gateway, then one that was chosen and is gone. */
export function choicesOf(model: string | null, known: Known | undefined, about: HealthAnswer | undefined): ModelChoice[] {
  if (known === undefined) return [];
  const described = (name: string): Omit<ModelChoice, "name" | "title"> => {
    const one = known.models.find((other) => other.name === name);
    return { ...factsOf(one), ...placeOf(name, one, about) };
  };
  const first: ModelChoice = {
    name: null,
    title: words.options.defaultModel(known.default),
    ...(known.default === null ? { ...factsOf(undefined), where: [], state: stateOf(about) } : described(known.default)),
  };
  const listed = known.models.map(({ name }): ModelChoice => ({ name, title: name, ...described(name) }));
  if (model === null || known.models.some(({ name }) => name === model)) return [first, ...listed];
  return [first, ...listed, { name: model, title: model, ...factsOf(undefined), where: [], state: "unavailable" }];
}

function factsOf(model: ModelAnswer | undefined): Omit<ModelChoice, "name" | "title" | "where" | "state"> {
  return {
    context: model?.n_ctx ?? null,
    places: model?.places ?? 0,
    busy: model?.busy ?? 0,
    sees: model?.can.images ?? false,
    thinks: model?.can.thinking ?? false,
    tools: model?.can.tools ?? false,
    price: model?.price ?? null,
    note: model?.note ?? "",
  };
}

/** A model that pictures can't be sent to, and those that they can. */
export interface Blind {
  model: string;
  others: readonly string[];
}

/** Null where the model sees, or is not known. */
export function blindness(model: string | null, known: Known | undefined): Blind | null {
  const chosen = known?.models.find(({ name }) => name === (model ?? known.default));
  if (known === undefined || chosen?.can.images !== false) return null;
  return { model: chosen.name, others: known.models.filter(({ can }) => can.images).map(({ name }) => name) };
}

/** With several servers the models' own list says where each is and how it is doing; one server alone says it of itself. */
function placeOf(
  name: string,
  model: ModelAnswer | undefined,
  about: HealthAnswer | undefined,
): Pick<ModelChoice, "where" | "state"> {
  if (model !== undefined && model.servers.length > 0) return { where: model.servers, state: model.state };
  if (!about?.workers) return { where: [about?.engine?.address ?? ""].filter(Boolean), state: nearer(model, stateOf(about)) };
  const those = about.workers.filter(({ models }) => models.includes(name));
  const isAnswering = those.some(({ state }) => state === "ready" || state === "busy");
  return { where: those.map((one) => one.name), state: isAnswering ? nearer(model, "ready") : "unavailable" };
}

/** What is known of the model itself, while its server is well. */
function nearer(model: ModelAnswer | undefined, server: State): State {
  return server === "ready" && model !== undefined ? model.state : server;
}

function stateOf(about: HealthAnswer | undefined): State {
  return about?.engine?.state ?? null;
}
