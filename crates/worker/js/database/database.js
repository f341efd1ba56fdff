// Postgres through node-postgres, the driver that Hyperdrive supports. Bundled by `cargo xtask build`, because it is many
// files in another module format.
//
// Promises: a call is one statement on one connection, sent once; after `timeoutMs` it is given up together with its
// connection; a connection that failed is never used again.
import Client from "pg/lib/client.js";
import { CloudflareSocket } from "pg-cloudflare";

// pg corks its stream around the five messages of a statement. Its socket for Workers ignores that and writes each by itself;
// here they leave as one.
class CorkedSocket extends CloudflareSocket {
  held = null;

  cork() {
    this.held = [];
  }

  uncork() {
    const { held } = this;
    this.held = null;
    if (held?.length) super.write(Buffer.concat(held));
  }

  write(data, encoding, callback) {
    if (!this.held) return super.write(data, encoding, callback);
    this.held.push(typeof data === "string" ? Buffer.from(data) : data);
    return true;
  }
}

// One unnamed statement; its answer is one text, read by Rust.
const STATEMENT = { rowMode: "array", queryMode: "extended", types: { getTypeParser: () => (text) => text } };

// How long a connection waits for the next call. A workflow waits most of its minutes for providers, and the pooler's connections
// are few; the calls that follow each other share one.
const IDLE_MS = 1_000;

// What Rust is told of an error. A message is left out: it could quote a value.
function fault(error) {
  if (!error?.severity) return { sqlstate: "", names: "", isFatal: true }; // not the database's word: the connection failed
  const names = [error.table, error.column, error.constraint, error.routine];
  return { sqlstate: error.code ?? "", names: names.filter(Boolean).join(" "), isFatal: error.severity !== "ERROR" };
}

export class Database {
  #hyperdrive;
  #timeoutMs;
  #free; // a connection that no call uses
  #idle; // the timer that ends it
  #hasEnded = false;

  constructor(hyperdrive, timeoutMs) {
    this.#hyperdrive = hyperdrive;
    this.#timeoutMs = timeoutMs;
  }

  // The one text that the statement answers. Rejects with `fault`. Calls that follow each other share a connection; one that
  // begins while another waits for its answer has its own, so that none waits or fails with another.
  async query(text, values) {
    let connection;
    let isUsable = false;
    let isGivenUp = false;
    let timer;
    try {
      connection = this.#take();
      const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error("no answer in time")), this.#timeoutMs);
      });
      const answer = connection.ready.then(() => {
        // Its caller has been told that it failed.
        if (isGivenUp) throw new Error("given up before it was sent");
        return connection.client.query({ ...STATEMENT, text, values });
      });
      answer.catch(() => {}); // it may lose the race and fail later
      const { rows } = await Promise.race([answer, late]);
      isUsable = true;
      return rows[0][0];
    } catch (error) {
      isGivenUp = true;
      isUsable = error?.severity === "ERROR"; // not after FATAL, PANIC, or silence
      throw fault(error);
    } finally {
      clearTimeout(timer);
      if (connection) this.#giveBack(connection, isUsable);
    }
  }

  // Closes the connection that no call uses; later ones are closed after their call. It may be called when no request is
  // current, where a runtime may refuse everything.
  end() {
    this.#hasEnded = true;
    try {
      this.#endIdle();
    } catch {
      // The runtime closes what its invocation leaves behind.
    }
  }

  #take() {
    const free = this.#free;
    if (!free) return this.#connect();
    this.#free = undefined;
    clearTimeout(this.#idle);
    return free;
  }

  #giveBack(connection, isUsable) {
    if (!isUsable || connection.isLost || this.#free || this.#hasEnded) return this.#close(connection);
    this.#free = connection;
    this.#idle = setTimeout(() => this.#endIdle(), IDLE_MS);
  }

  #endIdle() {
    if (!this.#free) return;
    clearTimeout(this.#idle);
    this.#close(this.#free);
  }

  #connect() {
    const { host, port, user, password, database } = this.#hyperdrive;
    const client = new Client({ host, port, user, password, database, stream: () => new CorkedSocket(false) });
    const connection = { client, ready: client.connect(), isLost: false };
    connection.ready.catch(() => {}); // whoever waits for it hears of it
    // Without a listener, a lost socket would be an uncaught error.
    client.on("error", () => this.#close(connection));
    client.on("end", () => this.#close(connection));
    return connection;
  }

  #close(connection) {
    if (connection.isLost) return;
    connection.isLost = true;
    if (this.#free === connection) this.#free = undefined;
    connection.client.end().catch(() => {}); // also while it is still connecting, which may never end
  }
}
