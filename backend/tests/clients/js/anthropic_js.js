// @anthropic-ai/sdk, as its readme shows it.
import Anthropic from "@anthropic-ai/sdk";
import { DESCRIPTION, SUNNY, TOWN, WEATHER, run } from "./program.js";

const client = (ask) => new Anthropic({ baseURL: ask.url, apiKey: ask.key, maxRetries: 0 });
const question = (ask) => ({ model: ask.model, max_tokens: 100, messages: [{ role: "user", content: ask.prompt }] });
const texts = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text);
const about = ({ usage, stop_reason }) => ({
  usage: [usage.input_tokens + (usage.cache_read_input_tokens ?? 0), usage.output_tokens],
  finish: stop_reason,
});

async function whole(ask, said) {
  const found = await client(ask).messages.create(question(ask));
  said.push(...texts(found));
  return about(found);
}

async function stream(ask, said) {
  const events = client(ask).messages.stream(question(ask)).on("text", (text) => said.push(text));
  return about(await events.finalMessage());
}

async function tools(ask, said) {
  const asked = question(ask);
  asked.tools = [{ name: "get_weather", description: DESCRIPTION, input_schema: WEATHER }];
  const first = await client(ask).messages.stream(asked).finalMessage();
  const [call] = first.content.filter((block) => block.type === "tool_use");
  asked.messages.push(
    { role: "assistant", content: first.content },
    { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: SUNNY }] },
  );
  said.push(...texts(await client(ask).messages.create(asked)));
  return { name: call.name, arguments: call.input, finish: first.stop_reason };
}

async function schema(ask) {
  const format = { type: "json_schema", schema: TOWN };
  const found = await client(ask).messages.create({ ...question(ask), output_config: { format } });
  return { value: JSON.parse(texts(found).join("")) };
}

async function picture(ask, said) {
  const asked = question(ask);
  const source = { type: "base64", media_type: "image/png", data: ask.picture };
  asked.messages[0].content = [{ type: "text", text: ask.prompt }, { type: "image", source }];
  said.push(...texts(await client(ask).messages.create(asked)));
  return {};
}

async function abort(ask, said) {
  const events = await client(ask).messages.create({ ...question(ask), stream: true });
  for await (const event of events) {
    if (event.type === "content_block_delta" && event.delta.type === "text_delta") {
      said.push(event.delta.text);
      break;
    }
  }
  return {};
}

async function count(ask) {
  const { max_tokens, ...asked } = question(ask);
  return { tokens: (await client(ask).messages.countTokens(asked)).input_tokens };
}

await run({ whole, stream, tools, schema, picture, abort, limited: whole, broken: stream, count });
