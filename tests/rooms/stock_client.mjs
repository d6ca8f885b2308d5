// The stock npm partysocket in node: prints "connected", each 20th count, and at the end all messages as one JSON array.
import { createRequire } from "node:module";

const [packages, token, wanted] = process.argv.slice(2);
const require = createRequire(packages);
const { PartySocket } = require("partysocket");
const WebSocket = require("ws");

let since;
let epoch;
const messages = [];

const socket = new PartySocket({
  host: process.env.ROOM_HOST,
  prefix: "vibeworkbench/parties",
  party: "ledger",
  room: "a",
  WebSocket,
  query: () => ({ token, since, epoch }),
});

socket.addEventListener("message", (event) => {
  const message = JSON.parse(event.data);
  if (message.type === "connected") {
    since ??= message.seq;
    epoch = message.data.epoch;
    if (messages.length === 0) console.log("connected");
  }
  if (message.type !== "note") return;
  since = message.seq;
  messages.push(message);
  if (messages.length === 20) console.log("20");
  if (messages.length === Number(wanted)) {
    console.log(JSON.stringify(messages));
    socket.close();
    process.exit(0);
  }
});
