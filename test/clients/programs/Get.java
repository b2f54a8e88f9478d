import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** Get URL [NO_PROXY] */
public class Get {
    public static void main(String[] args) throws Exception {
        var builder = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(20));
        if (args.length > 1) builder.proxy(HttpClient.Builder.NO_PROXY);
        var client = builder.build();
        var url = URI.create(args[0]);
        if (args[0].startsWith("ws")) {
            var said = new CompletableFuture<String>();
            var socket = client.newWebSocketBuilder().buildAsync(url, new WebSocket.Listener() {
                public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
                    said.complete(data.toString());
                    return null;
                }
            }).get(20, TimeUnit.SECONDS);
            socket.sendText("hello", true);
            System.out.println(said.get(20, TimeUnit.SECONDS));
        } else {
            var answer = client.send(HttpRequest.newBuilder(url).build(), BodyHandlers.ofString());
            if (answer.statusCode() != 200) throw new Exception("status " + answer.statusCode());
            System.out.print(answer.body());
        }
        System.exit(0);
    }
}
