//! `mcp` as an assistant's program uses it: messages of the Model Context Protocol on the standard streams.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::Sandbox;

/// A client that has introduced itself.
struct Client {
    server: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    number: u64,
}

impl Client {
    fn start(sandbox: &Sandbox, arguments: &[&str]) -> Client {
        let arguments = [&["mcp"], arguments].concat();
        let mut server = sandbox
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = server.stdin.take();
        let output = BufReader::new(server.stdout.take().unwrap());
        let mut client = Client { server, input, output, number: 0 };
        let about = json!({ "name": "test", "version": "1" });
        let hello = client
            .ask("initialize", json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": about }));
        assert_eq!(hello["result"]["serverInfo"]["name"], "clip-search", "{hello}");
        client.write(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        client
    }

    fn write(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").unwrap();
        input.flush().unwrap();
    }

    /// The answer to a request.
    fn ask(&mut self, method: &str, params: Value) -> Value {
        self.number += 1;
        let request = json!({ "jsonrpc": "2.0", "id": self.number, "method": method, "params": params });
        self.write(&request.to_string());
        loop {
            let mut line = String::new();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the server ended");
            let message: Value = serde_json::from_str(&line).unwrap();
            if message["id"] == self.number {
                return message;
            }
        }
    }

    /// What a tool answers.
    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))["result"].clone()
    }

    /// What a tool answers as data.
    fn data(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// What a tool says is wrong.
    fn fault(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// The server ends when its client does.
    fn leave(mut self) {
        drop(self.input.take());
        assert!(self.server.wait().unwrap().success());
    }
}

fn indexed() -> Sandbox {
    let sandbox = Sandbox::new();
    for name in ["cat.jpg", "coffee.jpg", "rocket.jpg", "astronaut.jpg"] {
        sandbox.put(name, name);
    }
    sandbox.update(0);
    sandbox
}

#[test]
fn an_assistant_searches_looks_and_asks() {
    let sandbox = indexed();
    let mut client = Client::start(&sandbox, &[]);
    let tools = client.ask("tools/list", json!({}));
    let tools = tools["result"]["tools"].as_array().unwrap();
    let mut names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["details", "look", "search", "similar", "status"]);
    assert!(tools.iter().all(|tool| tool["annotations"]["readOnlyHint"] == true), "{tools:?}");

    let found = client.data("search", json!({ "query": "a cat", "limit": 2 }));
    let results = found["results"].as_array().unwrap();
    assert!(results.len() == 2 && results[0]["path"].as_str().unwrap().ends_with("cat.jpg"), "{found}");
    let id = results[0]["id"].clone();

    let details = client.data("details", json!({ "id": id }));
    assert_eq!((&details["id"], &details["name"]), (&id, &json!("cat.jpg")));
    let picture = client.call("look", json!({ "id": id, "size": 100 }));
    assert_eq!(picture["content"][0]["mimeType"], "image/jpeg");
    let jpeg = BASE64_STANDARD.decode(picture["content"][0]["data"].as_str().unwrap()).unwrap();
    let (width, height) = image::load_from_memory(&jpeg).unwrap().to_rgb8().dimensions();
    assert_eq!(width.max(height), 100);

    let similar = client.data("similar", json!({ "id": id, "limit": 1 }));
    assert_ne!(similar["results"][0]["id"], id, "the photo itself is no news");
    assert_eq!(similar["results"].as_array().unwrap().len(), 1);
    let dated = client.data("search", json!({ "query": "a cat note:this in June 2019", "sort": "date" }));
    assert_eq!(dated["understood"], "a cat note:this + on:2019-06", "{dated}");
    assert_eq!(dated["notes"].as_array().unwrap().len(), 2, "{dated}");
    let literal = client.data("search", json!({ "query": "a cat in June 2019", "literal": true }));
    assert_eq!((&literal["notes"], literal["results"].as_array().unwrap().len()), (&Value::Null, 4), "{literal}");
    let all = client.data("search", json!({ "query": "", "sort": "path" }));
    let paths: Vec<_> = all["results"].as_array().unwrap().iter().map(|hit| hit["path"].as_str().unwrap()).collect();
    assert!(paths.len() == 4 && paths.is_sorted(), "{paths:?}");
    assert_eq!(client.data("search", json!({ "query": "name:rocket" }))["results"].as_array().unwrap().len(), 1);
    assert_eq!(client.data("status", json!({}))["photos"], 4);

    // What is indexed meanwhile is found.
    sandbox.put("cat.jpg", "another/cat.jpg");
    sandbox.put("lawn.jpg", "lawn.jpg");
    sandbox.update(0);
    assert_eq!(client.data("status", json!({}))["photos"], 6);
    client.leave();
}

#[test]
fn an_assistant_learns_what_is_wrong_and_gets_nothing_else() {
    let sandbox = indexed();
    let mut client = Client::start(&sandbox, &["--no-places"]);
    assert!(client.fault("look", json!({ "id": 999 })).contains("999"));
    assert!(client.fault("details", json!({ "id": 999 })).contains("999"));
    assert!(client.fault("search", json!({ "query": "a (cat" })).contains("cannot read the query"));
    let outside = sandbox.path().join("outside.jpg");
    std::fs::copy(crate::support::samples().join("cat.jpg"), &outside).unwrap();
    let fault = client.fault("search", json!({ "query": format!("{} + cat", outside.display()) }));
    assert!(fault.contains("found the path of a file"), "{fault}");
    assert!(client.fault("search", json!({ "query": "cat near:48.86,2.35,10" })).contains("where photos were taken"));
    for (tool, arguments) in [("look", json!({ "id": -1 })), ("search", json!({})), ("delete", json!({ "id": 1 }))] {
        let answer = client.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        assert!(answer.get("error").is_some() || answer["result"]["isError"] == true, "{answer}");
    }
    // A photo of the index that is now something else.
    let id = client.data("search", json!({ "query": "name:rocket" }))["results"][0]["id"].clone();
    std::fs::write(sandbox.photos().join("rocket.jpg"), "secret").unwrap();
    let fault = client.fault("look", json!({ "id": id }));
    assert!(fault.contains("cannot be read") && !fault.contains("secret"), "{fault}");
    // Nonsense and a message without end do not stop it.
    client.write("nonsense");
    client.write(&format!("{{\"x\":\"{}\"}}", "x".repeat(3 << 20)));
    assert_eq!(client.data("status", json!({}))["photos"], 4);
    client.leave();
}

#[test]
fn without_an_index_there_is_nothing_to_serve() {
    let sandbox = Sandbox::new();
    let run = sandbox.run(&["mcp"]).expect(2);
    assert!(run.stderr.contains("there is no index") && run.stdout.is_empty(), "{run:?}");
}
