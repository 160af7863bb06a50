// How a client's program is asked: see ../programs/program.py.
import { createInterface } from "node:readline";

export const WEATHER = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
export const TOWN = {
  type: "object",
  properties: { city: { type: "string" }, people: { type: "integer" } },
  required: ["city", "people"],
  additionalProperties: false,
};
export const DESCRIPTION = "The weather of a city";
export const SUNNY = "sunny";

export const dataUri = (ask) => `data:image/png;base64,${ask.picture}`;

async function answer(one, ask) {
  const said = [];
  let found;
  try {
    found = await one(ask, said);
  } catch (error) {
    found = {
      error: error.name ?? "failure", // some clients throw the object that the stream held
      status: error.status ?? error.statusCode ?? null,
      message: String(error.message).slice(0, 500),
    };
  }
  return { text: said.join(""), pieces: said.filter((piece) => piece).length, ...found };
}

export async function run(cases) {
  console.log(JSON.stringify({ cases: Object.keys(cases) }));
  for await (const line of createInterface({ input: process.stdin })) {
    const ask = JSON.parse(line);
    console.log(JSON.stringify(await answer(cases[ask.case], ask)));
  }
}
