import java.security.Principal;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.beans.factory.annotation.Qualifier;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.context.annotation.Lazy;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageChannel;
import org.springframework.messaging.handler.annotation.DestinationVariable;
import org.springframework.messaging.handler.annotation.Header;
import org.springframework.messaging.handler.annotation.MessageExceptionHandler;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.handler.annotation.SendTo;
import org.springframework.messaging.simp.SimpMessageHeaderAccessor;
import org.springframework.messaging.simp.SimpMessageType;
import org.springframework.messaging.simp.SimpMessagingTemplate;
import org.springframework.messaging.simp.annotation.SendToUser;
import org.springframework.messaging.simp.config.ChannelRegistration;
import org.springframework.messaging.simp.config.MessageBrokerRegistry;
import org.springframework.messaging.simp.stomp.StompCommand;
import org.springframework.messaging.simp.stomp.StompHeaderAccessor;
import org.springframework.messaging.support.ChannelInterceptor;
import org.springframework.messaging.support.MessageHeaderAccessor;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.stereotype.Controller;
import org.springframework.web.socket.config.annotation.EnableWebSocketMessageBroker;
import org.springframework.web.socket.config.annotation.StompEndpointRegistry;
import org.springframework.web.socket.config.annotation.WebSocketMessageBrokerConfigurer;
import org.springframework.web.socket.config.annotation.WebSocketTransportRegistration;
import org.springframework.web.socket.server.standard.ServletServerContainerFactoryBean;

/**
 * Spring's STOMP over WebSocket at /stomp and over SockJS at /sockjs: its simple broker, or with --relay.port=N its relay
 * to another broker. Everything comes by arguments: --server.port=N, and --ordered=true to keep the order of frames.
 */
@Configuration
@EnableAutoConfiguration
@EnableWebSocketMessageBroker
@Import(StompServer.Conversation.class)
public class StompServer implements WebSocketMessageBrokerConfigurer {
  /** Octets of a frame that are taken; Spring's default is 64 KiB. */
  static final int MESSAGE_SIZE = 2 * 1024 * 1024;

  /** Octets of a WebSocket message that Tomcat takes; its default is 8 KiB. It allocates three times this for each connection. */
  static final int BUFFER_SIZE = MESSAGE_SIZE + 64 * 1024;

  private final int relayPort;
  private final String relayHost;
  private final String login;
  private final String passcode;
  private final boolean ordered;
  private TaskScheduler scheduler;

  StompServer(
      @Value("${relay.port:0}") int relayPort,
      @Value("${relay.host:127.0.0.1}") String relayHost,
      @Value("${relay.login:guest}") String login,
      @Value("${relay.passcode:guest}") String passcode,
      @Value("${ordered:false}") boolean ordered) {
    this.relayPort = relayPort;
    this.relayHost = relayHost;
    this.login = login;
    this.passcode = passcode;
    this.ordered = ordered;
  }

  /** Spring's own: with a scheduler among the beans, Spring Boot would let its one thread handle all frames. */
  @Autowired
  void setScheduler(@Lazy @Qualifier("messageBrokerTaskScheduler") TaskScheduler scheduler) {
    this.scheduler = scheduler;
  }

  public static void main(String[] args) {
    SpringApplication application = new SpringApplication(StompServer.class);
    application.setDefaultProperties(
        Map.of(
            "server.address", "127.0.0.1",
            "server.shutdown", "immediate",
            "spring.main.banner-mode", "off"));
    application.run(args);
  }

  @Override
  public void registerStompEndpoints(StompEndpointRegistry registry) {
    registry.setPreserveReceiveOrder(ordered);
    registry.addEndpoint("/stomp").setAllowedOriginPatterns("*");
    registry.addEndpoint("/sockjs").setAllowedOriginPatterns("*").withSockJS();
  }

  @Override
  public void configureMessageBroker(MessageBrokerRegistry registry) {
    registry.setApplicationDestinationPrefixes("/app");
    registry.setPreservePublishOrder(ordered);
    if (relayPort == 0) {
      registry
          .enableSimpleBroker("/topic", "/queue")
          .setTaskScheduler(scheduler)
          .setHeartbeatValue(new long[] {1000, 1000});
    } else {
      registry
          .enableStompBrokerRelay("/topic", "/queue", "/exchange")
          .setRelayHost(relayHost)
          .setRelayPort(relayPort)
          .setClientLogin(login)
          .setClientPasscode(passcode)
          .setSystemLogin(login)
          .setSystemPasscode(passcode)
          .setVirtualHost("/");
    }
  }

  @Override
  public void configureWebSocketTransport(WebSocketTransportRegistration registration) {
    registration
        .setMessageSizeLimit(MESSAGE_SIZE)
        .setSendBufferSizeLimit(16 * MESSAGE_SIZE)
        .setSendTimeLimit(60_000);
  }

  @Override
  public void configureClientInboundChannel(ChannelRegistration registration) {
    registration.interceptors(new Admission());
  }

  @Bean
  ServletServerContainerFactoryBean container() {
    ServletServerContainerFactoryBean container = new ServletServerContainerFactoryBean();
    container.setMaxTextMessageBufferSize(BUFFER_SIZE);
    container.setMaxBinaryMessageBufferSize(BUFFER_SIZE);
    return container;
  }

  /** Lets guest in, and nobody else. */
  static class Admission implements ChannelInterceptor {
    @Override
    public Message<?> preSend(Message<?> message, MessageChannel channel) {
      StompHeaderAccessor headers = MessageHeaderAccessor.getAccessor(message, StompHeaderAccessor.class);
      if (headers == null || headers.getMessageType() != SimpMessageType.CONNECT) return message;
      String login = headers.getLogin();
      if (!"guest".equals(login) || !"guest".equals(headers.getPasscode())) {
        throw new IllegalArgumentException("login or passcode is wrong");
      }
      Principal user = () -> login;
      headers.setUser(user);
      return message;
    }
  }

  /** What the application itself answers. */
  @Controller
  static class Conversation {
    private final SimpMessagingTemplate template;

    Conversation(SimpMessagingTemplate template) {
      this.template = template;
    }

    @MessageMapping("/echo/{room}")
    @SendTo("/topic/echo.{room}")
    byte[] echo(@DestinationVariable String room, @Payload byte[] body) {
      return body;
    }

    /** To the session that asked alone, not to all of its user. */
    @MessageMapping("/upper")
    @SendToUser(destinations = "/queue/replies", broadcast = false)
    String upper(@Payload String body) {
      return body.toUpperCase();
    }

    /** The same with the header that tells which request is answered. */
    @MessageMapping("/ask")
    void ask(
        @Payload String body,
        @Header("simpSessionId") String session,
        @Header("nativeHeaders") Map<String, List<String>> asked,
        Principal user) {
      SimpMessageHeaderAccessor headers = SimpMessageHeaderAccessor.create(SimpMessageType.MESSAGE);
      headers.setSessionId(session);
      headers.setNativeHeader("correlation-id", asked.get("correlation-id").get(0));
      headers.setLeaveMutable(true);
      template.convertAndSendToUser(
          user.getName(), "/queue/replies", body.toUpperCase(), headers.getMessageHeaders());
    }

    @MessageMapping("/fail")
    void fail() {
      throw new IllegalStateException("not on Mondays");
    }

    @MessageMapping("/refuse")
    void refuse() {
      throw new IllegalArgumentException("not on Tuesdays");
    }

    @MessageExceptionHandler(IllegalArgumentException.class)
    @SendToUser(destinations = "/queue/errors", broadcast = false)
    String refused(IllegalArgumentException error) {
      return error.getMessage();
    }
  }
}
