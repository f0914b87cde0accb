import Delivery
import Secrets
import Testing

@Suite("Webhook signatures")
struct WebhookSignatureTests {
    @Test("the example of the Standard Webhooks libraries")
    func example() {
        // From the specification's reference tests.
        let signature = WebhookSignature(secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let header = signature.header(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
        #expect(header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test("a secret without the prefix, or with no base64 behind it, is itself the key")
    func rawKeys() {
        // printf 'i.1.b' | openssl dgst -sha256 -hmac KEY -binary | base64
        let body = Array("b".utf8)
        #expect(
            WebhookSignature(secret: "topsecret").header(id: "i", timestamp: 1, body: body)
                == "v1,33872fp+NTGhVFgZWZGJ1jey6CAkZ/oH7rnh2cNoLq8=")
        #expect(
            WebhookSignature(secret: "whsec_no base64!").header(id: "i", timestamp: 1, body: body)
                == "v1,8XQQfEZCJx946/e3WnUiUvZO6Q6R4GHh1dxTij2sLh8=")
    }

    @Test("the padding of a key may be left out", arguments: ["whsec_YWI=", "whsec_YWI"])
    func padding(_ secret: String) {
        let header = WebhookSignature(secret: Secret(secret)).header(id: "i", timestamp: 1, body: [])
        #expect(header == WebhookSignature(secret: "ab").header(id: "i", timestamp: 1, body: []))
    }

    @Test("a signature does not show its key")
    func noSecret() {
        var dumped = ""
        dump(WebhookSignature(secret: "hunter2"), to: &dumped)
        // 104 is the h.
        #expect(!dumped.contains("104") && !dumped.contains("hunter2"))
    }
}
